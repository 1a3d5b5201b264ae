// Loaded before the server: how late its event loop is, since it was asked last. Told {loopDelay: true}, it answers {loopDelay: figures}.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on('message', ({ loopDelay }) => {
  if (!loopDelay) return;
  const milliseconds = (nanoseconds) => Math.round(nanoseconds / 1e4) / 100;
  const [p50, p99] = [50, 99].map((part) => milliseconds(delay.percentile(part)));
  process.send({ loopDelay: { p50, p99, max: milliseconds(delay.max) } });
  delay.reset();
});
// A channel alone must not keep the server from ending.
process.channel?.unref();
