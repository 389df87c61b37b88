// How a chart looks in uPlot: axes with units, one time axis in UTC, a labelled line for every change.
import uPlot from "uplot";

import { type ChartData, type ChartLine, type LineTone, changeName, inSpan, lonelyPoints, placeLabels } from "../models/chartModel";

// The same on every chart, so that their time axes line up.
const LEFT_PX = 62;
const RIGHT_PX = 50;
// Above the plot, where a label hides no data.
const LABEL_ROWS = 1;
const LABEL_HEIGHT_PX = 15;

export interface Palette {
  ink: string;
  quiet: string;
  grid: string;
  main: string;
  soft: string;
  bad: string;
  font: string;
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read("--ink"),
    quiet: read("--ink-quiet"),
    grid: read("--grid"),
    main: read("--chart-main"),
    soft: read("--chart-soft"),
    bad: read("--bad"),
    font: `11px ${style.fontFamily}`,
  };
}

export interface ChartHandles {
  data: () => ChartData; // the newest, when drawing
  onCursor: (index: number | null) => void;
}

export function chartOptions(chart: ChartData, palette: Palette, size: { width: number; height: number }, handles: ChartHandles, showTimes: boolean): uPlot.Options {
  const hasRight = chart.lines.some((line) => line.axis === "right");
  return {
    ...size,
    padding: [LABEL_HEIGHT_PX + 2, hasRight ? 0 : RIGHT_PX, showTimes ? 0 : 6, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { sync: { key: "service" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: true, range: () => handles.data().span },
      left: { range: (_, __, max) => [0, niceTop(max)] },
      right: { range: (_, __, max) => [0, niceTop(Math.max(max ?? 0, 0.01))] },
    },
    axes: [timeAxis(palette, showTimes), valueAxis("left", 3, chart.lines, palette), ...(hasRight ? [valueAxis("right", 1, chart.lines, palette)] : [])],
    series: [{}, ...chart.lines.map((line) => lineSeries(line, palette))],
    hooks: {
      draw: [(plot) => drawChanges(plot, handles.data(), palette)],
      setCursor: [(plot) => handles.onCursor(plot.cursor.idx ?? null)],
    },
  };
}

function lineSeries(line: ChartLine, palette: Palette): uPlot.Series {
  const colour = toneColour(line.tone, palette);
  return {
    label: line.label,
    scale: line.axis,
    stroke: colour,
    width: line.tone === "soft" ? 1.25 : 1.75,
    ...(line.filled ? { fill: withAlpha(colour, "1f") } : {}),
    points: { show: true, size: 5, width: 0, fill: colour, filter: () => lonelyPoints(line.values) },
  };
}

function toneColour(tone: LineTone, palette: Palette): string {
  return palette[tone];
}

// Colours of the palette are #rrggbb.
function withAlpha(colour: string, alpha: string): string {
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour + alpha : colour;
}

function niceTop(max: number | null): number {
  return max === null || max <= 0 ? 1 : max * 1.18;
}

function timeAxis(palette: Palette, showTimes: boolean): uPlot.Axis {
  return {
    stroke: palette.quiet,
    font: palette.font,
    size: showTimes ? 20 : 0,
    gap: 4,
    space: 64,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: false },
    values: (_, splits, __, ___, increment) => splits.map((seconds) => (showTimes ? timeLabel(seconds, increment) : "")),
  };
}

const DAY_S = 86_400;

export function timeLabel(seconds: number, increment: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  if (increment >= DAY_S || seconds % DAY_S === 0) return `${Number(iso.slice(8, 10))}.${Number(iso.slice(5, 7))}.`;
  return iso.slice(11, increment < 60 ? 19 : 16);
}

function valueAxis(scale: "left" | "right", side: 1 | 3, lines: readonly ChartLine[], palette: Palette): uPlot.Axis {
  const line = lines.find((candidate) => candidate.axis === scale);
  return {
    scale,
    side,
    stroke: scale === "right" ? palette.bad : palette.quiet,
    font: palette.font,
    size: scale === "right" ? RIGHT_PX : LEFT_PX,
    gap: 6,
    space: 28,
    grid: { show: scale === "left", stroke: palette.grid, width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (line ? line.format(value) : "")),
  };
}

function drawChanges(plot: uPlot, chart: ChartData, palette: Palette): void {
  const { ctx } = plot;
  const ratio = uPlot.pxRatio;
  const { left, top, width, height } = plot.bbox;
  const shown = chart.changes.filter((change) => inSpan(change, chart.span));
  ctx.save();
  ctx.font = palette.font.replace("11px", `${Math.round(11 * ratio)}px`);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const marks = shown.map((change) => {
    const x = Math.round(plot.valToPos(Date.parse(change.at) / 1000, "x", true));
    const text = clipped(changeName(change));
    return { x, text, width: ctx.measureText(text).width + 10 * ratio };
  });
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = Math.max(1, Math.round(ratio));
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  for (const { x } of marks) {
    ctx.moveTo(x + 0.5, top - LABEL_HEIGHT_PX * ratio);
    ctx.lineTo(x + 0.5, top + height);
  }
  ctx.stroke();
  for (const { x, row, text } of placeLabels(marks, left, left + width + RIGHT_PX * ratio, LABEL_ROWS)) {
    ctx.fillStyle = palette.ink;
    ctx.fillText(text, x + 5 * ratio, top - (LABEL_ROWS - row - 0.5) * LABEL_HEIGHT_PX * ratio - ratio);
  }
  ctx.restore();
}

function clipped(text: string): string {
  return text.length > 18 ? `${text.slice(0, 17)}…` : text;
}
