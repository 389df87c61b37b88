import { expect, test } from "vitest";

import type { SeriesReply } from "../api/types";
import { badDeployment, badFindings, decoyDeployment, plantedFinding } from "../fixtures/orders";
import { NOW } from "../fixtures/times";
import { chartSummary, findingChart, isEmpty, lastTime, lastValue, latencyChart, lonelyPoints, placeLabels, trafficChart } from "./chartModel";

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");

function series(parts: Partial<SeriesReply>): SeriesReply {
  return {
    signal: "requests",
    unit: "1/s",
    step_s: 60,
    start: "2026-11-24T02:50:00Z",
    values: [20, 22, null, 24],
    lower: [],
    upper: [],
    changes: [],
    ...parts,
  };
}

const start = Date.parse("2026-11-24T02:50:00Z") / 1000;

test("a series becomes one time a step, over its whole span", () => {
  const chart = trafficChart(series({}), null);
  expect(chart.times).toEqual([start, start + 60, start + 120, start + 180]);
  expect(chart.span).toEqual([start, start + 240]);
  expect(chart.lines.map((line) => line.label)).toEqual(["Requests"]);
});

test("failures stand beside requests on an axis of their own, minute by minute", () => {
  const failed = series({ start: "2026-11-24T02:51:00Z", unit: "", values: [0.01, 0.02, 0.03, 0.04] });
  const chart = trafficChart(series({}), failed);
  expect(chart.lines[1]).toMatchObject({ axis: "right", values: [null, 0.01, 0.02, 0.03] });
});

test("latency is two quantiles", () => {
  const chart = latencyChart(series({ unit: "ms", values: [1, 2, 3, 4], lower: [1, 2, 3, 4], upper: [5, 6, 7, 8] }));
  expect(chart.lines.map((line) => line.label)).toEqual(["Median", "95th percentile"]);
  expect(plain(chart.lines[1]?.format(1234) ?? "")).toBe("1.23 s");
});

test("a finding's series reads as shares, medians or the commonest value's weight, by its kind", () => {
  expect(plain(findingChart(series({ unit: "" }), plantedFinding).lines[0]?.format(0.38) ?? "")).toBe("38 %");
  const of = (kind: string): string | undefined => {
    const finding = badFindings.find((one) => one.kind === kind && one.field !== "");
    return finding && findingChart(series({ unit: "" }), finding).lines[0]?.label;
  };
  expect(of("rate")).toBe("null");
  expect(of("distribution")).toBe("Median");
  expect(of("mix")).toBe("Commonest value");
});

test("no data is no zero", () => {
  const chart = trafficChart(series({ values: [null, null] }), null);
  expect(isEmpty(chart)).toBe(true);
  expect(lastTime(chart)).toBeNull();
  expect(chart.lines[0] && lastValue(chart.lines[0])).toBeNull();
  expect(chartSummary(chart, Date.parse(NOW))).toBe("Traffic: no data");
  expect(isEmpty(trafficChart(series({ values: [] }), null))).toBe(true);
  expect(isEmpty(trafficChart(series({ values: [0] }), null))).toBe(false);
});

test("the newest value is the last one that is there", () => {
  const chart = trafficChart(series({ values: [20, 21, null] }), null);
  expect(lastTime(chart)).toBe(start + 60);
  expect(chart.lines[0] && lastValue(chart.lines[0])).toBe(21);
});

test("a value without neighbours is found, at the edges too", () => {
  expect(lonelyPoints([1, null, 2, 3, null, 4])).toEqual([0, 5]);
  expect(lonelyPoints([null, 0, null])).toEqual([1]);
  expect(lonelyPoints([1, 2, 3])).toEqual([]);
  expect(lonelyPoints([])).toEqual([]);
});

test("the summary tells range, newest value and the changes in view", () => {
  const chart = trafficChart(series({ values: Array.from({ length: 20 }, (_, i) => 20 + i), changes: [badDeployment, decoyDeployment] }), null);
  expect(plain(chartSummary(chart, Date.parse(NOW)))).toBe(
    "Traffic. Requests: now 39/s, between 20/s and 39/s. change to 9f2c1ab at 02:55",
  );
});

test("a label stands right of its line, left of it at the edge, and nowhere rather than on another", () => {
  const mark = (x: number, text: string) => ({ x, width: 50, text });
  expect(placeLabels([mark(100, "a")], 0, 400, 1)).toEqual([{ x: 100, row: 0, text: "a" }]);
  expect(placeLabels([mark(380, "a")], 0, 400, 1)).toEqual([{ x: 330, row: 0, text: "a" }]);
  expect(placeLabels([mark(100, "old"), mark(120, "new")], 0, 400, 1)).toEqual([
    { x: 120, row: 0, text: "new" },
    { x: 50, row: 0, text: "old" },
  ]);
  const crowd = Array.from({ length: 200 }, (_, i) => mark(i * 2, `v${i}`));
  const placed = placeLabels(crowd, 0, 400, 1);
  expect(placed.length).toBeGreaterThan(4);
  const lefts = placed.map((one) => one.x).toSorted((a, b) => a - b);
  for (const [i, x] of lefts.slice(1).entries()) expect(x - (lefts[i] ?? 0)).toBeGreaterThanOrEqual(50);
});
