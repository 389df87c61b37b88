// Series of the API → what a chart draws: lines on one time axis, the span to show, the changes to mark.
import type { Change, Finding, SeriesReply } from "../api/types";
import { findingName, isShare } from "./findings";
import { formatClock, formatShare, formatValue, formatVersion } from "./format";

export type LineTone = "main" | "soft" | "bad";

export interface ChartLine {
  label: string;
  tone: LineTone;
  values: (number | null)[];
  // Shares beside a volume have an axis of their own on the right.
  axis: "left" | "right";
  filled: boolean;
  format: (value: number | null) => string;
}

export interface ChartData {
  title: string;
  times: number[]; // Unix seconds, the start of each step
  lines: ChartLine[];
  span: [number, number];
  changes: Change[];
}

export function trafficChart(requests: SeriesReply, failed: SeriesReply | null): ChartData {
  const times = timesOf(requests);
  const lines: ChartLine[] = [
    {
      label: "Requests",
      tone: "main",
      values: requests.values,
      axis: "left",
      filled: true,
      format: (value) => formatValue(value, requests.unit || "1/s", false),
    },
  ];
  if (failed) {
    lines.push({
      label: "Failed",
      tone: "bad",
      values: valuesAt(failed, failed.values, times),
      axis: "right",
      filled: false,
      format: (value) => (value === null ? "–" : formatShare(value)),
    });
  }
  return { title: "Traffic", times, lines, span: spanOf(requests), changes: requests.changes };
}

export function latencyChart(reply: SeriesReply): ChartData {
  return { title: "Latency", times: timesOf(reply), lines: linesOf(reply, "Latency", false), span: spanOf(reply), changes: reply.changes };
}

export function findingChart(reply: SeriesReply, finding: Finding): ChartData {
  const lines = linesOf(reply, READINGS[finding.kind] ?? finding.statistic, isShare(finding));
  return { title: findingName(finding), times: timesOf(reply), lines, span: spanOf(reply), changes: reply.changes };
}

// What one number a step stands for, where it is not the statistic itself.
const READINGS: Partial<Record<Finding["kind"], string>> = { distribution: "Median", mix: "Commonest value" };

// Latency comes as two quantiles, everything else as one value a step.
function linesOf(reply: SeriesReply, label: string, share: boolean): ChartLine[] {
  const format = (value: number | null): string => formatValue(value, reply.unit, share);
  if (reply.lower.length === 0 && reply.upper.length === 0) {
    return [{ label, tone: "main", values: reply.values, axis: "left", filled: true, format }];
  }
  return [
    { label: "Median", tone: "main", values: reply.lower, axis: "left", filled: false, format },
    { label: "95th percentile", tone: "soft", values: reply.upper, axis: "left", filled: false, format },
  ];
}

export function isEmpty(chart: ChartData): boolean {
  return chart.lines.every((line) => line.values.every((value) => value === null));
}

// The start of the newest step with a value.
export function lastTime(chart: ChartData): number | null {
  for (let i = chart.times.length - 1; i >= 0; i -= 1) {
    if (chart.lines.some((line) => (line.values[i] ?? null) !== null)) return chart.times[i] ?? null;
  }
  return null;
}

export function lastValue(line: ChartLine): number | null {
  return line.values.findLast((value) => value !== null) ?? null;
}

// The chart in one sentence, for those who cannot see it.
export function chartSummary(chart: ChartData, nowMs: number): string {
  if (isEmpty(chart)) return `${chart.title}: no data`;
  const lines = chart.lines.map((line) => {
    const values = line.values.filter((value) => value !== null);
    if (values.length === 0) return `${line.label}: no data`;
    const low = line.format(values.reduce((a, b) => Math.min(a, b)));
    const high = line.format(values.reduce((a, b) => Math.max(a, b)));
    return `${line.label}: now ${line.format(lastValue(line))}, between ${low} and ${high}`;
  });
  const changes = chart.changes
    .filter((change) => inSpan(change, chart.span))
    .map((change) => `change to ${changeName(change)} at ${formatClock(change.at, nowMs)}`);
  return [`${chart.title}. ${lines.join(". ")}`, ...changes].join(". ");
}

// Of a deployment its version; of what cannot be seen what was said of it.
export function changeName(change: Change): string {
  return change.to_version === null ? change.title : formatVersion(change.to_version);
}

export function inSpan(change: Change, [from, to]: readonly [number, number]): boolean {
  const at = Date.parse(change.at) / 1000;
  return at >= from && at <= to;
}

// Where a value has no neighbour: it makes no line and is drawn as a point.
export function lonelyPoints(values: readonly (number | null)[]): number[] {
  const isGap = (i: number): boolean => (values[i] ?? null) === null;
  return values.flatMap((_, i) => (!isGap(i) && isGap(i - 1) && isGap(i + 1) ? [i] : []));
}

export interface Placed {
  x: number; // left edge of the label
  row: number;
  text: string;
}

// Places one label beside each line, newest first, on the first row where it fits; one that fits nowhere is left out, its
// line still stands.
export function placeLabels(
  marks: readonly { x: number; width: number; text: string }[],
  left: number,
  right: number,
  rows: number,
): Placed[] {
  const taken: [number, number][][] = Array.from({ length: rows }, () => []);
  const placed: Placed[] = [];
  for (const mark of marks.toSorted((a, b) => b.x - a.x)) {
    const candidates = mark.x + mark.width <= right ? [mark.x, mark.x - mark.width] : [mark.x - mark.width];
    const spot = freeSpot(taken, candidates, mark.width, left);
    if (!spot) continue;
    taken[spot.row]?.push([spot.x, spot.x + mark.width]);
    placed.push({ ...spot, text: mark.text });
  }
  return placed;
}

function freeSpot(taken: [number, number][][], candidates: number[], width: number, left: number): { x: number; row: number } | null {
  for (const [row, spans] of taken.entries()) {
    for (const x of candidates) {
      if (x >= left && spans.every(([from, to]) => x + width <= from || x >= to)) return { x, row };
    }
  }
  return null;
}

function timesOf(reply: SeriesReply): number[] {
  const start = Date.parse(reply.start) / 1000;
  return reply.values.map((_, i) => start + i * reply.step_s);
}

function spanOf(reply: SeriesReply): [number, number] {
  const start = Date.parse(reply.start) / 1000;
  return [start, start + Math.max(1, reply.values.length) * reply.step_s];
}

// Another series' values at these times; null where it has none.
function valuesAt(reply: SeriesReply, values: readonly (number | null)[], times: readonly number[]): (number | null)[] {
  const start = Date.parse(reply.start) / 1000;
  return times.map((time) => {
    const index = (time - start) / reply.step_s;
    return Number.isInteger(index) ? (values[index] ?? null) : null;
  });
}
