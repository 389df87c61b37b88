// One chart: title, what each line reads at the cursor (else now), the plot.
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { type ChartData, chartSummary, isEmpty, lastTime, lastValue } from "../models/chartModel";
import { formatClock } from "../models/format";
import type { ChartState } from "../models/serviceModel";
import { chartOptions, readPalette } from "./uplotOptions";

interface ChartProps {
  title: string;
  subtitle?: string;
  state: ChartState;
  now: number;
  // The lowest chart of a stack carries the time axis of all.
  showTimes: boolean;
}

export function Chart({ title, subtitle, state, now, showTimes }: ChartProps): JSX.Element {
  const [cursor, setCursor] = useState<number | null>(null);
  const chart = state.state === "ready" ? state.chart : null;
  const drawn = chart && !isEmpty(chart) ? chart : null;
  return (
    <figure class={showTimes ? "chart chart-with-times" : "chart"}>
      <figcaption class="chart-head">
        <h3 title={subtitle ? `${subtitle} ${title}` : title}>
          {title}
          {subtitle && <small>{subtitle}</small>}
        </h3>
        {drawn && <Readings chart={drawn} cursor={cursor} now={now} />}
      </figcaption>
      {drawn ? (
        <Plot chart={drawn} summary={chartSummary(drawn, now)} showTimes={showTimes} onCursor={setCursor} />
      ) : (
        <p class="chart-empty">{state.state === "loading" ? "Loading…" : `No data${state.state === "none" ? `: ${state.reason}` : ""}`}</p>
      )}
    </figure>
  );
}

function Readings({ chart, cursor, now }: { chart: ChartData; cursor: number | null; now: number }): JSX.Element {
  const at = cursor === null ? lastTime(chart) : (chart.times[cursor] ?? null);
  return (
    <ul class="readings">
      {chart.lines.map((line) => (
        <li key={line.label} class={`line-${line.tone}`}>
          <span class="line-key" aria-hidden="true" />
          {line.label} <b>{line.format(cursor === null ? lastValue(line) : (line.values[cursor] ?? null))}</b>
        </li>
      ))}
      <li class="reading-time">{at === null ? "" : formatClock(new Date(at * 1000).toISOString(), now)}</li>
    </ul>
  );
}

interface PlotProps {
  chart: ChartData;
  summary: string;
  showTimes: boolean;
  onCursor: (index: number | null) => void;
}

function Plot({ chart, summary, showTimes, onCursor }: PlotProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(chart);
  newest.current = chart;
  const theme = useTheme();
  // Data may change in place; another set of lines needs another plot.
  const shape = chart.lines.map((line) => `${line.label} ${line.axis}`).join("|");

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const size = (): { width: number; height: number } => ({ width: element.clientWidth, height: element.clientHeight });
    const options = chartOptions(newest.current, readPalette(element), size(), { data: () => newest.current, onCursor }, showTimes);
    const made = new uPlot(options, dataOf(newest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(size()));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme, showTimes, onCursor]);

  useEffect(() => {
    plot.current?.setData(dataOf(chart));
  }, [chart]);

  return <div class="plot" ref={box} role="img" aria-label={summary} />;
}

function dataOf(chart: ChartData): uPlot.AlignedData {
  return [chart.times, ...chart.lines.map((line) => line.values)];
}

// Canvas does not follow a change of colour scheme by itself.
function useTheme(): string {
  const [theme, setTheme] = useState(currentTheme);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const onChange = (): void => setTheme(currentTheme());
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return theme;
}

function currentTheme(): string {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
