import type { ControllerRecord, ScreenRecord } from './history.js';

export interface Standing {
  /** First answers since the run began. */
  accepted: number;
  /** Accepted, and not executed by then. */
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
  const executed = new Set(
    screens.filter(before).flatMap((record) => (record.kind === 'run' ? [record.id] : [])),
  );
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
    unsettled: [...acknowledged].filter((id) => !executed.has(id)).length,
    unanswered: controllers.filter(
      (record) => record.kind === 'invoke' && before(record) && !answered.has(transmissionOf(record)),
    ).length,
  };
}

const transmissionOf = ({ id, transmission }: { id: string; transmission: string }): string =>
  `${id} ${transmission}`;
