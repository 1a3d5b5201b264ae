// Loaded before the server: sets the time of tokens ahead when told to, so that nobody waits a quarter of an hour for one to expire.
const { ClockOffset } = await import(
  new URL('../../../packages/server/dist/platform/database/clock-offset.js', import.meta.url)
);
const { get } = Object.getOwnPropertyDescriptor(ClockOffset.prototype, 'milliseconds');
let aheadMs = 0;
Object.defineProperty(ClockOffset.prototype, 'milliseconds', {
  get() {
    return get.call(this) + aheadMs;
  },
});
process.on('message', (message) => {
  if (message.aheadMs === undefined) return;
  aheadMs = message.aheadMs;
  process.send({ aheadMs });
});
// A channel alone must not keep the server from ending.
process.channel?.unref();
