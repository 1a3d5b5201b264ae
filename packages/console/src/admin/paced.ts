/** Calls `task` at once and then at most every `pauseMs`, the last call never lost. */
export function paced(task: () => void, pauseMs: number): { call(): void; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  function call() {
    again = timer !== undefined;
    if (again) return;
    task();
    timer = setTimeout(() => {
      timer = undefined;
      if (again) call();
    }, pauseMs);
  }
  return { call, stop: () => clearTimeout(timer) };
}
