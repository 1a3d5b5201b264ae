export interface Wait {
  count: number;
  p99: number;
  most: number;
}
export interface Drilled {
  report: {
    unfinished?: string | undefined;
    examples: { invariant: string; subject: string; detail: string }[];
    ended: Record<string, number>;
  };
  talk: {
    faults: string[];
    unanswered: number;
    missing: number;
    twice: number;
    outOfOrder: number;
    gaps: number;
  };
  course: {
    faults: string[];
    beside: { seconds: number; old: number; new: number };
    came: number;
    nodes: number;
    taken: number;
  };
  waits: Record<'answered' | 'executed' | 'away' | 'awayInRooms' | 'said' | 'heard', Wait>;
  pace: number;
  rate: number;
  migrations: string[];
  migrates: boolean;
}
export function judgeDrill(drill: Drilled): { failures: string[]; slow: string[] };
