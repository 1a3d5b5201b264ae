import type { SignalContent } from '../../src/rooms/plain-events.js';
import { type Described, ModelPeerConnection } from './model-peer-connection.js';

export interface Wire {
  negotiationId: string;
  content: SignalContent;
}

export interface PerfectPeerDeps {
  polite: boolean;
  /** One signal after the other, and none of a negotiation that it does not know: what clients of connections that break must do. */
  careful: boolean;
  newId: () => string;
  send(wire: Wire): void;
}

/**
 * One side of a call as https://www.w3.org/TR/webrtc/#perfect-negotiation-example writes it, with what a connection that breaks asks
 * for besides: to offer anew (`recover`), and to begin with a new peer connection (`renew`).
 */
export class PerfectPeer {
  pc: ModelPeerConnection;
  /** What it sent in each negotiation, to hold against what the other side took. */
  readonly sent = new Map<string, string[]>();
  readonly #inbox: Wire[] = [];
  #isBusy = false;
  #makingOffer = false;
  #isSettingRemoteAnswerPending = false;
  #mustRecover = false;

  constructor(private readonly deps: PerfectPeerDeps) {
    this.pc = new ModelPeerConnection(deps.newId);
  }

  need(): void {
    this.pc.isNegotiationNeeded = true;
  }

  recover(): void {
    this.#mustRecover = true;
  }

  renew(): void {
    this.pc.close();
    this.pc = new ModelPeerConnection(this.deps.newId);
    this.#makingOffer = false;
    this.#isSettingRemoteAnswerPending = false;
    this.#mustRecover = false;
    this.#isBusy = false;
    this.need();
  }

  /** `negotiationneeded` fires when nothing is under way; whoever recovers offers in `have-local-offer` too. */
  fire(): void {
    const { pc } = this;
    if (!pc.isIdle || this.#makingOffer) return;
    const wants = pc.isNegotiationNeeded && pc.signalingState === 'stable';
    const repeats = this.#mustRecover && pc.signalingState !== 'have-remote-offer';
    if (wants || repeats) this.#negotiate(pc);
  }

  async #negotiate(pc: ModelPeerConnection): Promise<void> {
    this.#mustRecover = false;
    this.#makingOffer = true;
    const description = await pc.setLocalDescription();
    if (pc !== this.pc) return;
    this.#makingOffer = false;
    this.#describe(description);
  }

  gather(): void {
    const gathered = this.pc.gathered.shift();
    if (!gathered) return;
    const { negotiationId, candidate } = gathered;
    this.sent.set(negotiationId, [...(this.sent.get(negotiationId) ?? []), candidate]);
    this.deps.send({ negotiationId, content: { candidate: { candidate } } });
  }

  receive(wire: Wire): void {
    this.#inbox.push(wire);
    if (!this.deps.careful) this.#take(this.pc);
    else if (!this.#isBusy) this.#takeAll(this.pc);
  }

  async #takeAll(pc: ModelPeerConnection): Promise<void> {
    this.#isBusy = true;
    while (pc === this.pc && this.#inbox.length > 0) await this.#take(pc);
    if (pc === this.pc) this.#isBusy = false;
  }

  async #take(pc: ModelPeerConnection): Promise<void> {
    const wire = this.#inbox.shift();
    if (!wire) return;
    const { negotiationId, content } = wire;
    if ('description' in content) await this.#onDescription(pc, { ...content.description, negotiationId });
    else if ('candidate' in content) {
      // Of an offer that was ignored, or crossed with the answer that ends its negotiation.
      await pc.addIceCandidate(content.candidate?.candidate ?? '').catch(() => undefined);
    }
  }

  async #onDescription(pc: ModelPeerConnection, description: Described): Promise<void> {
    const { type } = description;
    const isReady =
      !this.#makingOffer && (pc.signalingState === 'stable' || this.#isSettingRemoteAnswerPending);
    const collides = type === 'offer' && !isReady;
    const ignoresOffer = !this.deps.polite && collides;
    if (ignoresOffer) return;
    if (this.deps.careful && type === 'answer' && !pc.awaits(description.negotiationId)) return;
    this.#isSettingRemoteAnswerPending = type === 'answer';
    await pc.setRemoteDescription(description);
    if (pc !== this.pc) return;
    this.#isSettingRemoteAnswerPending = false;
    if (type !== 'offer') return;
    const answer = await pc.setLocalDescription();
    if (pc === this.pc) this.#describe(answer);
  }

  #describe({ type, sdp, negotiationId }: Described): void {
    this.deps.send({ negotiationId, content: { description: { type, sdp } } });
  }
}
