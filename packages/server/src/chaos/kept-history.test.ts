import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type ControllerEvent, historyWriter, type ScreenEvent } from './history.js';
import { keepServersWord, readHistory } from './kept-history.js';

it('[MSG5] a kept history can be judged again: the survivors, the requeues and the server are in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-kept-'));
  try {
    const write = <Event>(name: string, event: Event) => {
      const writer = historyWriter<Event>(join(folder, name));
      writer.write(event);
      writer.close();
    };
    write<ControllerEvent>('controllers', { kind: 'info', id: 'a' });
    write<ControllerEvent>('requeues', { kind: 'requeue', id: 'r', letter: 'l' });
    write<ScreenEvent>('screen-s', { kind: 'boot', screen: 's', policy: 'at-least-once' });
    const word = {
      said: new Map([['a', 'executed']]),
      saidBefore: new Map([['a', 'accepted']]),
      requeued: new Map([['r', 'a']]),
      facts: [],
    };
    keepServersWord(folder, word);
    expect(readHistory(folder)).toMatchObject({
      ...word,
      controllers: [
        { kind: 'info', id: 'a' },
        { kind: 'requeue', letter: 'l' },
      ],
      screens: [[{ kind: 'boot', screen: 's' }]],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
