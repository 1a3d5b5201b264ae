import type { Description } from '@bongsu/protocol';

type SignalingState = 'stable' | 'have-local-offer' | 'have-remote-offer';
/** A description with the negotiation that it belongs to, as a careful client would keep them together. */
export interface Described extends Description {
  negotiationId: string;
}
interface Sides {
  local?: Described | undefined;
  remote?: Described | undefined;
}

/**
 * The signaling half of RTCPeerConnection: the states, implicit rollback, implicit descriptions and the chain of operations, each of
 * which takes until somebody calls `step`. Its "SDP" is the ufrag of its sender.
 */
export class ModelPeerConnection {
  current: Sides = {};
  #pending: Sides = {};
  readonly #operations: (() => void)[] = [];
  /** Candidates that were gathered and not yet told. They are told even when their description was rolled back since. */
  readonly gathered: { negotiationId: string; candidate: string }[] = [];
  /** What a browser would have thrown, or worse, taken. */
  readonly faults: string[] = [];
  /** Of each negotiation, the remote candidates that it took. */
  readonly taken = new Map<string, string[]>();
  isNegotiationNeeded = false;

  constructor(private readonly newId: () => string) {}

  get signalingState(): SignalingState {
    if (this.#pending.local?.type === 'offer') return 'have-local-offer';
    return this.#pending.remote?.type === 'offer' ? 'have-remote-offer' : 'stable';
  }

  awaits(negotiationId: string): boolean {
    return this.#pending.local?.negotiationId === negotiationId;
  }

  get isIdle(): boolean {
    return this.#operations.length === 0;
  }

  /** Finishes the operation whose turn it is. */
  step(): void {
    this.#operations.shift()?.();
  }

  setLocalDescription(): Promise<Described> {
    return this.#chain(() => {
      const offered = this.signalingState === 'have-remote-offer' ? this.#pending.remote : undefined;
      const description: Described = offered
        ? { type: 'answer', sdp: this.newId(), negotiationId: offered.negotiationId }
        : { type: 'offer', sdp: this.newId(), negotiationId: this.newId() };
      if (offered) this.#settle({ local: description, remote: offered });
      else {
        this.#pending = { local: description };
        this.isNegotiationNeeded = false;
      }
      for (let n = 0; n < 2; n += 1)
        this.gathered.push({
          negotiationId: description.negotiationId,
          candidate: `${description.sdp} ${n}`,
        });
      return description;
    });
  }

  setRemoteDescription(remote: Described): Promise<void> {
    return this.#chain(() => {
      const { local } = this.#pending;
      if (remote.type === 'offer') {
        // What the rollback takes back is still wanted.
        if (local) this.isNegotiationNeeded = true;
        this.#pending = { remote };
      } else if (local?.negotiationId === remote.negotiationId) this.#settle({ local, remote });
      else this.faults.push(`answer to ${remote.negotiationId} in ${this.signalingState}`);
    });
  }

  /** @throws when it belongs to no remote description */
  addIceCandidate(candidate: string): Promise<void> {
    return this.#chain(() => {
      const [ufrag] = candidate.split(' ');
      const known = [this.#pending.remote, this.current.remote].find((remote) => remote?.sdp === ufrag);
      if (!known) throw new Error(`candidate of an unknown ${ufrag}`);
      const taken = this.taken.get(known.negotiationId) ?? [];
      this.taken.set(known.negotiationId, [...taken, candidate]);
    });
  }

  close(): void {
    this.#operations.length = 0;
    this.gathered.length = 0;
  }

  #settle(sides: Sides): void {
    this.current = sides;
    this.#pending = {};
  }

  #chain<T>(operation: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#operations.push(() => {
        try {
          resolve(operation());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
