import type { CommandHookBody } from '@bongsu/protocol';
import type { Breakers } from '../platform/resilience/breakers.js';
import type { CircuitBreaker } from '../platform/resilience/circuit-breaker.js';
import type { HookPost, HookReply } from './hook-post.js';

export type HookAnswer =
  | { allow: true }
  /** `message` reaches the sender: at most 500 characters, without control characters. */
  | { allow: false; message?: string };

/**
 * Asked before a command is accepted. It decides and changes nothing; it may be asked more than once about one command. What it
 * throws, and an answer that takes longer than 2 s, is a fault: the command is refused as UNAVAILABLE.
 * @example createApp(config, { commandHook: ({ command }) => ({ allow: command.type !== 'navigate' }) })
 */
export type CommandHook = (body: CommandHookBody, signal: AbortSignal) => HookAnswer | Promise<HookAnswer>;

const MAX_MESSAGE_CHARACTERS = 500;
const PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Nothing harmless can be asked of a hook, so after the pause one call or event is the try. Events have their own: what fails with
 * them says nothing of the decisions about commands, which may be made by somebody else.
 */
export function createHookBreaker(
  breakers: Breakers,
  name: 'hook' | 'hook-events',
  stopping: AbortSignal,
): CircuitBreaker {
  return breakers.create({
    name,
    judge: () => (stopping.aborted ? 'nothing' : 'failure'),
    pauseMs: PAUSE_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
  });
}

/** The hook behind COMMAND_HOOK_URL. */
export function httpHook(post: HookPost): CommandHook {
  return async (body, signal) => {
    const { id } = body.command;
    const reply = await post({ event: 'command', idempotencyKey: id, body: JSON.stringify(body) }, signal);
    if (reply.status < 300) return { allow: true };
    const message = messageOf(reply);
    return message === undefined ? { allow: false } : { allow: false, message };
  };
}

/** A hook in this process gets a copy: the command itself is none of its business. */
export function inProcessHook(hook: CommandHook): CommandHook {
  return (body, signal) => hook(structuredClone(body), signal);
}

function messageOf({ text }: HookReply): string | undefined {
  if (text === undefined) return undefined;
  try {
    const answer: unknown = JSON.parse(text);
    const message = (answer as { message?: unknown } | null)?.message;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** What of a hook's message is fit for the sender. */
export function cleanMessage(message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined;
  // Control characters, and halves of surrogate pairs.
  const characters = [...message.replace(/[\p{Cc}\p{Cs}]/gu, '')];
  return characters.length === 0 ? undefined : characters.slice(0, MAX_MESSAGE_CHARACTERS).join('');
}
