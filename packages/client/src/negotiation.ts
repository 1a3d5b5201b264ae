import type { Candidate, Description, SignalEvent } from '@bongsu/protocol';
import { v7 as uuidv7 } from 'uuid';
import type { SignalQueue } from './signal-queue.js';

/** Of negotiations whose description is still to come. */
const MAX_EARLY_NEGOTIATIONS = 4;
const MAX_EARLY_CANDIDATES = 256;

interface NegotiationOptions {
  connection: RTCPeerConnection;
  queue: Pick<SignalQueue, 'push' | 'drop'>;
  isPolite: () => boolean;
  /** Puts our tracks on the connection. */
  attach: () => void;
  /** Offers that were dealt with, on this connection or an earlier one: nothing that is told twice is done twice. */
  settled: Settled;
  /** Something was refused that the connection can do without. */
  onError: (error: unknown) => void;
}

/** `stranger`: it comes from another connection of theirs than the one that ours was made for, so a new one is due. */
export type Verdict = 'taken' | 'ignored' | 'stranger';

/** Negotiation ids that are over, the latest 64. */
export class Settled {
  private readonly ids = new Set<string>();

  add(id: string): void {
    this.ids.add(id);
    if (this.ids.size > 64) this.ids.delete(this.ids.values().next().value as string);
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }
}

/**
 * Perfect negotiation over one connection. Its methods are called one at a time, each after the last one's promise, so that nothing
 * comes in between: what crosses on the wire is seen by `signalingState` alone.
 */
export class Negotiation {
  /** Our offer that is not answered yet. */
  offered: string | undefined;
  /** Whose remote description is set. */
  private applied: string | undefined;
  /** What our candidates belong to. */
  private described: string | undefined;
  /** While a description of ours is being made, its candidates wait: it goes first. */
  private unsaid: Candidate[] | undefined;
  private remoteSession: string | undefined;
  /**
   * Our offer that would give way to one of theirs, applied only with its answer: where it was applied before, Chromium (seen with 156)
   * shows nothing more of their picture once it was rolled back.
   */
  private unapplied: RTCSessionDescriptionInit | undefined;
  private readonly early = new Map<string, Candidate[]>();

  constructor(private readonly options: NegotiationOptions) {
    options.connection.addEventListener('icecandidate', ({ candidate }) =>
      this.onLocalCandidate(candidate ? toWire(candidate) : null),
    );
  }

  /** The id for words about this connection that belong to no description. */
  get id(): string {
    return this.offered ?? this.described ?? uuidv7();
  }

  /** Offers; `again`: in place of an offer of ours that is not answered, too. */
  async offer({ restart, again }: { restart: boolean; again: boolean }): Promise<void> {
    const { connection, queue, isPolite } = this.options;
    const { signalingState } = connection;
    const isOffering = this.unapplied !== undefined || signalingState === 'have-local-offer';
    if (isOffering ? !again : signalingState !== 'stable') return;
    const id = uuidv7();
    const before = this.offered;
    this.offered = id;
    if (restart) connection.restartIce();
    const dropBefore = () => before !== undefined && queue.drop(before);
    const isLater = this.applied !== undefined && signalingState === 'stable';
    if (isLater && isPolite()) await this.propose(id, dropBefore);
    else await this.describe(id, dropBefore);
  }

  async take(signal: SignalEvent): Promise<Verdict> {
    const { description, candidate, negotiationId } = signal;
    if (description?.type === 'offer') return this.takeOffer(negotiationId, description);
    if (description) return this.takeAnswer(negotiationId, description);
    if (candidate !== undefined) await this.takeCandidate(negotiationId, candidate);
    return 'taken';
  }

  private async takeOffer(id: string, offer: Description): Promise<Verdict> {
    const { connection, queue, isPolite, attach, settled } = this.options;
    if (settled.has(id)) return 'ignored';
    const collides = connection.signalingState !== 'stable' || this.unapplied !== undefined;
    if (collides && !isPolite()) {
      settled.add(id);
      this.early.delete(id);
      return 'ignored';
    }
    if (this.isStranger(offer)) return 'stranger';
    settled.add(id);
    if (this.offered !== undefined) queue.drop(this.offered);
    this.offered = undefined;
    this.unapplied = undefined;
    // Rolls our own offer back, where it was applied.
    await connection.setRemoteDescription(offer);
    this.applied = id;
    this.remoteSession = sessionOf(offer.sdp);
    attach();
    await this.describe(id);
    await this.addEarly(id);
    return 'taken';
  }

  private async takeAnswer(id: string, answer: Description): Promise<Verdict> {
    if (id !== this.offered) return 'ignored';
    if (this.isStranger(answer)) return 'stranger';
    if (answer.type === 'answer') {
      this.offered = undefined;
      this.options.settled.add(id);
    }
    await this.applyOffer(id);
    await this.options.connection.setRemoteDescription(answer);
    this.applied = id;
    this.remoteSession = sessionOf(answer.sdp);
    await this.addEarly(id);
    return 'taken';
  }

  private async takeCandidate(id: string, candidate: Candidate): Promise<void> {
    // Of an offer that lost against ours too, as long as it speaks of the ICE generation that is in use.
    if (id === this.applied || this.isOfGeneration(candidate)) await this.add(candidate);
    else if (!this.options.settled.has(id)) this.keep(id, candidate);
  }

  private keep(id: string, candidate: Candidate): void {
    const list = this.early.get(id) ?? [];
    this.early.set(id, list);
    if (list.length < MAX_EARLY_CANDIDATES) list.push(candidate);
    if (this.early.size > MAX_EARLY_NEGOTIATIONS) this.early.delete(this.early.keys().next().value as string);
  }

  private async addEarly(id: string): Promise<void> {
    const list = this.early.get(id) ?? [];
    this.early.delete(id);
    for (const candidate of list) await this.add(candidate);
  }

  private async add(candidate: Candidate): Promise<void> {
    const { connection } = this.options;
    try {
      await connection.addIceCandidate(candidate as RTCIceCandidateInit);
    } catch (error) {
      // Of an ICE generation that is over, or an end of candidates that this browser does not know.
      const isKnown = candidate?.usernameFragment == null || this.isOfGeneration(candidate);
      // The others may do: ICE tells when none does.
      if (isKnown && candidate?.candidate && connection.signalingState !== 'closed')
        this.options.onError(error);
    }
  }

  private isOfGeneration(candidate: Candidate): boolean {
    const fragment = candidate?.usernameFragment;
    const { remoteDescription } = this.options.connection;
    return fragment != null && remoteDescription !== null
      ? remoteDescription.sdp.split(/\r?\n/).includes(`a=ice-ufrag:${fragment}`)
      : false;
  }

  private async propose(id: string, before: () => unknown): Promise<void> {
    const { type, sdp = '' } = await this.options.connection.createOffer();
    this.unapplied = { type, sdp };
    before();
    this.options.queue.push({ negotiationId: id, description: { type: 'offer', sdp } });
  }

  private async applyOffer(id: string): Promise<void> {
    const { unapplied } = this;
    if (!unapplied) return;
    this.unapplied = undefined;
    this.described = id;
    await this.options.connection.setLocalDescription(unapplied);
  }

  /** Makes what signalingState asks for, an offer or an answer, and says it before its candidates. */
  private async describe(id: string, before: () => unknown = () => {}): Promise<void> {
    const { connection, queue } = this.options;
    this.described = id;
    this.unsaid ??= [];
    await connection.setLocalDescription();
    const { localDescription } = connection;
    if (!localDescription) throw new Error('no local description');
    before();
    const { type, sdp } = localDescription;
    queue.push({ negotiationId: id, description: { type: type as Description['type'], sdp } });
    const { unsaid = [] } = this;
    this.unsaid = undefined;
    for (const candidate of unsaid) this.onLocalCandidate(candidate);
  }

  private onLocalCandidate(candidate: Candidate): void {
    if (this.unsaid) this.unsaid.push(candidate);
    else if (this.described !== undefined)
      this.options.queue.push({ negotiationId: this.described, candidate });
  }

  private isStranger({ sdp }: Description): boolean {
    const session = sessionOf(sdp);
    return this.remoteSession !== undefined && session !== undefined && session !== this.remoteSession;
  }
}

/** The session id of the `o=` line, which a connection keeps for its life (RFC 8829, 5.2.1). */
function sessionOf(sdp: string): string | undefined {
  return /^o=\S+ (\S+) /m.exec(sdp)?.[1];
}

function toWire(candidate: RTCIceCandidate): Candidate {
  const { candidate: text = '', sdpMid, sdpMLineIndex, usernameFragment } = candidate.toJSON();
  return {
    candidate: text,
    ...(sdpMid == null ? {} : { sdpMid }),
    ...(sdpMLineIndex == null ? {} : { sdpMLineIndex }),
    ...(usernameFragment == null ? {} : { usernameFragment }),
  };
}
