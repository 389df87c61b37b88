// Numbers, shares, durations and times as people read them.

// Neither breaks a line: between groups of three digits, and before a unit.
const THIN = "\u202f";
const SPACE = "\u00a0";

const LARGE = [
  { from: 1e9, divisor: 1e9, letter: "G" },
  { from: 1e6, divisor: 1e6, letter: "M" },
  { from: 1e5, divisor: 1e3, letter: "k" },
];

// Three significant digits, whole numbers from 1 000 on, and k, M, G from 100 000 on.
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const large = LARGE.find(({ from }) => size >= from);
  if (large) return `${significant(value / large.divisor, 3)}${SPACE}${large.letter}`;
  return size >= 1000 ? formatCount(value) : significant(value, 3);
}

// 4310 → "4 310"; all digits of a count that people may want to compare with another system's.
export function formatCount(value: number): string {
  return group(Math.round(value).toString());
}

// 0.38 → "38 %". Two significant digits; never "0 %" for what is not zero nor "100 %" for what is not all.
export function formatShare(ratio: number): string {
  if (!Number.isFinite(ratio)) return "–";
  const percent = ratio * 100;
  const size = Math.abs(percent);
  let text: string;
  if (size === 0) text = "0";
  else if (size < 0.01) text = "< 0.01";
  else if (size > 99 && size < 100) text = (Math.floor(percent * 100) / 100).toString();
  else if (size >= 10) text = Math.round(percent).toString();
  else text = significant(percent, 2);
  return `${text}${SPACE}%`;
}

export function formatMilliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const size = Math.abs(ms);
  if (size === 0) return `0${SPACE}ms`;
  if (size < 0.9995) return `${significant(ms * 1000, 3)}${SPACE}µs`;
  if (size < 999.5) return `${significant(ms, size < 100 ? 2 : 3)}${SPACE}ms`;
  if (size < 119_500) return `${significant(ms / 1000, 3)}${SPACE}s`;
  return formatDuration(ms / 1000);
}

export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (Math.abs(size) >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${significant(size, 3)}${SPACE}${units[unit]}`;
}

// A length of time in its largest one or two units: "45 s", "12 min", "2 h 5 min", "3 d".
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}${SPACE}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}${SPACE}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    const rest = minutes % 60;
    return rest && hours < 10 ? `${hours}${SPACE}h ${rest}${SPACE}min` : `${hours}${SPACE}h`;
  }
  return `${Math.floor(hours / 24)}${SPACE}d`;
}

export function formatAge(seconds: number): string {
  return `${formatDuration(seconds)} ago`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// "14:02", with the day before it when that is another one than `nowMs`'s. UTC, as in the server's sentences and logs.
export function formatClock(iso: string, nowMs: number): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "–";
  const clock = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
  const sameDay = Math.floor(time.getTime() / 86_400_000) === Math.floor(nowMs / 86_400_000);
  return sameDay ? clock : `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]} ${clock}`;
}

// A finding's or a chart's value in the unit of the contract; a rate without a unit is a share.
export function formatValue(value: number | null, unit: string, isShare: boolean): string {
  if (value === null || !Number.isFinite(value)) return "–";
  if (isShare) return formatShare(value);
  switch (unit) {
    case "ms":
      return formatMilliseconds(value);
    case "bytes":
      return formatBytes(value);
    case "1/s":
      return `${formatNumber(value)}/s`;
    case "":
      return formatNumber(value);
    default:
      return `${formatNumber(value)}${SPACE}${unit}`;
  }
}

// The beginning and the end of a long name: the end of a path says most.
export function shortName(name: string): string {
  const longest = 46;
  return name.length <= longest ? name : `${name.slice(0, 14)}…${name.slice(15 - longest)}`;
}

// A commit's hash, or one of the code, is as good in its first seven digits; what else there is stays as it was reported.
export function formatVersion(version: string): string {
  return version.replace(/^((?:code:)?[0-9a-f]{7})[0-9a-f]{5,57}(?=$|-dirty)/, "$1");
}

// A text of the server with the commits in it as short as everywhere else on the page.
export function shortVersions(text: string): string {
  return text.replace(/(?:\bcode:|\b)[0-9a-f]{12,64}(?:-dirty\.[0-9a-f]+)?\b/g, formatVersion);
}

// Rounded to so many significant digits, without an exponent and without trailing zeros.
function significant(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits));
  if (rounded === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  const decimals = Math.min(Math.max(digits - 1 - magnitude, 0), 12);
  const [whole = "0", fraction = ""] = rounded.toFixed(decimals).split(".");
  const kept = fraction.replace(/0+$/, "");
  return kept ? `${group(whole)}.${kept}` : group(whole);
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}
