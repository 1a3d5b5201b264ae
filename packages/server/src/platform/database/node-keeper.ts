import { sleep } from '../clock.js';
import { type ClaimedNode, claimNode, type NodeClaim, type NodeDeps, NodeRefused } from './nodes.js';

export interface NodeKeeperDeps extends Omit<NodeDeps, 'onLost'> {
  /** Somebody else has the name, or runs where only one may: this process must end. */
  onFatal(error: NodeRefused): void;
}

/** The node's name, kept over losses of the connection that holds it. */
export interface KeptNode extends Pick<ClaimedNode, 'leaseIsLive' | 'leaseSince' | 'renewedAt'> {
  release(): Promise<void>;
}

/** A try that meets nobody takes seconds by itself; where the database is back, nothing goes out before the name is. */
const PAUSE_MS = 250;

/**
 * Claims the node's name, and claims it anew whenever the connection that held it is lost: a database that restarts
 * is no reason to end, another process that took the name meanwhile is.
 * @throws NodeRefused @throws DatabaseError
 */
export async function keepNode(claim: NodeClaim, deps: NodeKeeperDeps): Promise<KeptNode> {
  const ending = new AbortController();
  const onLost = () => void claimAnew();
  let held: ClaimedNode = await claimNode(claim, { ...deps, onLost });

  async function claimAnew(): Promise<void> {
    deps.log.warn({ name: claim.name }, 'The connection that holds the node name was lost');
    while (!ending.signal.aborted) {
      try {
        held = await claimNode(claim, { ...deps, onLost });
        if (ending.signal.aborted) await held.release();
        return;
      } catch (error) {
        if (error instanceof NodeRefused) return deps.onFatal(error);
        await sleep(deps.clock, PAUSE_MS, ending.signal).catch(() => undefined);
      }
    }
  }

  return {
    leaseIsLive: () => held.leaseIsLive(),
    leaseSince: () => held.leaseSince(),
    renewedAt: () => held.renewedAt(),
    async release() {
      ending.abort();
      await held.release();
    },
  };
}
