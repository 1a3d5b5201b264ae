export interface JudgedReport {
  /** Names of the faults that were to strike. */
  chosen: string[];
  violations: number;
  runs: number;
  faults: Record<string, { runs: number; settleMs: number; delayMs: number | null }>;
  crossing: { crossed: number; stayed: number; unknown: number };
}

export const LEAST_RUNS: number;
export function judgeSuites(suites: Record<string, { passed: number; failed: number }>): string[];
export function judgeChaos(reports: Record<string, JudgedReport>): string[];
export function judgeRecovery(sites: Record<string, JudgedReport[]>): string[];
export function judgeWithoutRedis(report: JudgedReport): string[];
