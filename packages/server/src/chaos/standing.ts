import { isTerminal } from './check-ends.js';
import type { ControllerRecord, ScreenRecord } from './history.js';

export interface Standing {
  /** First answers since the run began. */
  accepted: number;
  /** Accepted, and begun by a screen, or otherwise ended by what its sender was told, only after that. */
  unsettled: number;
  /** Transmissions without an answer by then. */
  unanswered: number;
}

/** What stood open at a moment of a run, from the history alone. */
export function standingAt(
  { controllers, screens }: { controllers: readonly ControllerRecord[]; screens: readonly ScreenRecord[] },
  at: number,
): Standing {
  const before = ({ at: when }: { at: number }) => when < at;
  const accepted = controllers.filter(
    (record) => record.kind === 'ok' && before(record) && !record.duplicate,
  );
  const settled = [
    ...screens.filter(({ kind }) => kind === 'run'),
    ...controllers.filter((record) => record.kind === 'told' && isTerminal(record.status)),
  ] as readonly { id: string; at: number }[];
  const already = new Set(settled.filter(before).map(({ id }) => id));
  const later = new Set(settled.filter((record) => !before(record)).map(({ id }) => id));
  const acknowledged = new Set(
    controllers.filter(before).flatMap((record) => (record.kind === 'ok' ? [record.id] : [])),
  );
  const answered = new Set(
    controllers
      .filter(before)
      .flatMap((record) => (record.kind === 'ok' || record.kind === 'fail' ? [transmissionOf(record)] : [])),
  );
  return {
    accepted: accepted.length,
    unsettled: [...acknowledged].filter((id) => later.has(id) && !already.has(id)).length,
    unanswered: controllers.filter(
      (record) => record.kind === 'invoke' && before(record) && !answered.has(transmissionOf(record)),
    ).length,
  };
}

const transmissionOf = ({ id, transmission }: { id: string; transmission: string }): string =>
  `${id} ${transmission}`;
