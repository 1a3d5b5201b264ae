const MINUTE_MS = 60_000;

/** "12 sec", "14 min 32 sec"; at least one second, rounded up so that nobody tries too early. */
export function waitTime(ms: number, language: string): string {
  const all = Math.max(1, Math.ceil(ms / 1000));
  const minutes = all < 100 ? 0 : Math.floor(all / 60);
  const parts = [
    [minutes, 'minute'],
    [all - minutes * 60, 'second'],
  ] as const;
  return parts
    .filter(([value]) => value > 0)
    .map(([value, unit]) => new Intl.NumberFormat(language, { style: 'unit', unit }).format(value))
    .join(' ');
}

/** "4.2 ms", "87 ms", "1.8 s": as many digits as a person can use. */
export function latency(ms: number, language: string): string {
  const [value, unit] = ms < 1000 ? ([ms, 'millisecond'] as const) : ([ms / 1000, 'second'] as const);
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(Math.max(0, value));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', MINUTE_MS],
];

/** "5 minutes ago"; undefined within the first minute, and in the future, as a clock that is behind has it. */
export function ago(at: number, now: number, language: string): string | undefined {
  const step = STEPS.find(([, stepMs]) => now - at >= stepMs);
  if (!step) return undefined;
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(
    -Math.floor((now - at) / step[1]),
    step[0],
  );
}

/**
 * "in 3 minutes"; undefined within the coming minute, which is too short to count. Rounded up, so that what is waited for
 * is never late; `Math.round` for what ends.
 */
export function until(
  at: number,
  now: number,
  language: string,
  round: (value: number) => number = Math.ceil,
): string | undefined {
  const step = STEPS.find(([, stepMs]) => at - now >= stepMs);
  if (!step) return undefined;
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(
    round((at - now) / step[1]),
    step[0],
  );
}

/** "14:03:22" in the reader's own time. */
export function clockTime(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(
    at,
  );
}

const ONE_LINE_CHARACTERS = 64;

/** JSON for reading: on one line while that is short. */
export function jsonText(value: unknown): string {
  const lines = JSON.stringify(value, null, 2);
  const line = lines.replace(/\n */g, ' ');
  // Within a text JSON escapes line breaks, so those found here are only layout.
  return line.length <= ONE_LINE_CHARACTERS ? line : lines;
}

/** What somebody typed as a pairing code, as the screen shows it: "abcd2345" → "ABCD-2345". */
export function pairingCode(typed: string): string {
  const plain = typed
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .slice(0, 8);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

/** "Chrome on Windows" out of a user agent; the whole text where it is none we know. */
export function deviceName(userAgent: string): { browser: string; system: string } | undefined {
  const browser = BROWSERS.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const system = SYSTEMS.find(([, pattern]) => pattern.test(userAgent))?.[0];
  return browser && system ? { browser, system } : undefined;
}

/** The program that calls itself first: "curl" out of "curl/8.5.0"; the whole text where it names none. */
export function programName(userAgent: string): string {
  return /^([\w.@-]+)\//.exec(userAgent)?.[1] ?? userAgent;
}

/** What was typed or pasted as a code, without what people put between its parts: "123 456" → "123456". */
export function plainCode(typed: string): string {
  return typed.replace(/\s/g, '');
}

/** "JBSW Y3DP EHPK", for reading it aloud or typing it over. */
export function inGroups(text: string): string {
  return text.match(/.{1,4}/g)?.join(' ') ?? '';
}

/** Order matters: Edge and Opera also call themselves Chrome, and Chrome calls itself Safari. */
const BROWSERS: [string, RegExp][] = [
  ['Edge', /Edg\//],
  ['Opera', /OPR\//],
  ['Samsung Internet', /SamsungBrowser\//],
  ['Firefox', /(Firefox|FxiOS)\//],
  ['Chrome', /(Chrom(e|ium)|CriOS)\//],
  ['Safari', /Safari\//],
];
const SYSTEMS: [string, RegExp][] = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['ChromeOS', /CrOS/],
  ['webOS', /Web0S|webOS/],
  ['Tizen', /Tizen/],
  ['Linux', /Linux/],
];
