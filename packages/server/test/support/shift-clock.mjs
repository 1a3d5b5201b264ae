// For a server process: `--import .../shift-clock.mjs?600000` puts its wall clock ten minutes ahead. The monotonic clock goes on as it is.
const shiftMs = Number(new URL(import.meta.url).search.slice(1));
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...given) {
    if (given.length > 0) super(...given);
    else super(RightDate.now() + shiftMs);
  }

  static now() {
    return RightDate.now() + shiftMs;
  }
};
