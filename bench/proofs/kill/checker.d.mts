export interface HistoryRecord {
  kind: 'invoke' | 'ok' | 'fail' | 'info' | 'run' | 'said';
  id: string;
  at?: number;
  [field: string]: unknown;
}
export interface History {
  controllers: HistoryRecord[];
  screens: HistoryRecord[][];
  said?: { id: string; status: string }[];
}
export type Verdict = Record<
  | 'lost'
  | 'doubled'
  | 'unknown'
  | 'refusedButExecuted'
  | 'unanswered'
  | 'answersDiffer'
  | 'outOfOrder'
  | 'gaps'
  | 'misplaced'
  | 'serverDisagrees',
  string[]
>;
export function check(history: History): Verdict;
export function violationsOf(verdict: Verdict): number;
export function atTheKill(history: History & { since: number; at: number }): {
  accepted: number;
  unsettled: number;
  unanswered: number;
};
