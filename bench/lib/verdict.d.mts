export function judgeRun(run: {
  of: string | number;
  lost: number;
  twice: number;
  refusals: Record<string, number>;
  counts?: Record<string, number>;
}): string[];
