/** Numbers, money, times and durations as people read them. The browser's Intl does the work; "en" so that all pages agree. */

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const nearby = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });

export function count(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

export function fullCount(value: number): string {
  return whole.format(value);
}

/** Small sums keep digits that say something: $0.0173, $0.42, $12.40, $1,204. */
export function money(usd: number): string {
  const size = Math.abs(usd);
  if (size === 0) return "$0";
  if (size < 0.0001) return "<$0.0001";
  const digits = size < 0.1 ? 4 : size < 1000 ? 2 : 0;
  return `$${usd.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** 340 ms, 4.2 s, 3 m 20 s, 2 h, 2 h 5 m. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return both(minutes, "m", Math.round(seconds) % 60, "s");
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? both(hours, "h", minutes % 60, "m") : both(Math.floor(hours / 24), "d", hours % 24, "h");
}

function both(large: number, unit: string, small: number, subunit: string): string {
  return small ? `${large} ${unit} ${small} ${subunit}` : `${large} ${unit}`;
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** "3m ago", "in 2h", "now". Beyond a month the date itself. */
export function relative(at: number, now: number): string {
  const away = at - now;
  if (Math.abs(away) < 45_000) return "now";
  if (Math.abs(away) > 30 * 86_400_000) return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const [unit, size] = UNITS.find(([, size]) => Math.abs(away) >= size) ?? ["minute", 60_000];
  return nearby.format(Math.trunc(away / size) || Math.sign(away), unit);
}

export function moment(at: number | string): string {
  return exact.format(new Date(at));
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 ** 2 ? `${Math.round(size / 1024)} kB` : `${(size / 1024 ** 2).toFixed(1)} MB`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
