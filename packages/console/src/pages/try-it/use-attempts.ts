import { useRef, useState } from 'react';
import { useServices } from '../../admin/services.js';
import type { Draft } from '../../api/live.js';
import { toProblem } from '../../api/problem.js';
import type { Attempt } from './attempt.js';

const MAX_SHOWN = 50;

/** The page's commands, newest first, each kept up to date until it has ended. */
export function useAttempts() {
  const { live } = useServices();
  const [attempts, setAttempts] = useState<Attempt[]>([]);
  const lastKey = useRef(0);

  async function send(draft: Draft, screenName: string, id?: string): Promise<void> {
    lastKey.current += 1;
    const key = lastKey.current;
    const pressed = performance.now();
    const afterMs = () => performance.now() - pressed;
    const learn = (news: Partial<Attempt>) =>
      setAttempts((all) => all.map((one) => (one.key === key ? { ...one, ...news } : one)));
    setAttempts((all) => [{ key, draft, screenName, pressedAt: Date.now() }, ...all].slice(0, MAX_SHOWN));
    try {
      const sent = await live.send(draft, id);
      learn({ accepted: { id: sent.id, seq: sent.seq, duplicate: sent.duplicate, afterMs: afterMs() } });
      if (sent.duplicate) return;
      const { status, deliveries } = await sent.executed;
      const last = deliveries.at(-1);
      learn({ ended: { status, why: last?.error ?? last?.reason, afterMs: afterMs() } });
    } catch (error) {
      learn({ problem: toProblem(error) });
    }
  }

  return { attempts, send };
}
