import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

const RESULTS = [':(top,exclude)docs/proofs', ':(top,exclude)bench/results'];

/** What a figure is worth nothing without. */
export function provenance() {
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    // What proofs and benches write is not what they measure.
    clean: git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', ...RESULTS) === '',
    node: process.version,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryMiB: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
    },
  };
}

function git(...args) {
  try {
    return execFileSync('git', args, { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
