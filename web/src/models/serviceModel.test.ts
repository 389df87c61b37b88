import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ApiFailure } from "../api/client";
import { type FixtureApi, createFixtureApi } from "../fixtures/fixtureApi";
import { badFindings, badStatus, badVerdict, firstStatus, plantedFinding, silentStatus } from "../fixtures/orders";
import { minutesAgo } from "../fixtures/times";
import { createServiceModel, rangeFor } from "./serviceModel";

let api: FixtureApi;
let model = createServiceModel("orders", "production", createFixtureApi());

beforeEach(() => {
  vi.useFakeTimers();
  api = createFixtureApi();
});
afterEach(() => {
  model.stop();
  vi.useRealTimers();
});

async function start(service = "orders", environment = "production"): Promise<void> {
  model = createServiceModel(service, environment, api);
  model.start();
  await vi.advanceTimersByTimeAsync(0);
}

test("the worst finding is charted until another one is chosen", async () => {
  await start();
  expect(model.selected.value?.signal).toBe(plantedFinding.signal);
  expect(model.finding.value).toMatchObject({ state: "ready", chart: { title: "customer.phone null" } });
  const slow = badFindings[3];
  if (!slow) throw new Error("the fixture lost its fourth finding");
  model.select(slow);
  expect(model.finding.value).toEqual({ state: "loading" });
  await vi.advanceTimersByTimeAsync(0);
  expect(model.finding.value).toMatchObject({ state: "ready", chart: { title: "latency" } });
});

test("all charts share one stretch of time", async () => {
  await start();
  const [traffic, latency, finding] = [model.traffic.value, model.latency.value, model.finding.value];
  if (traffic.state !== "ready" || latency.state !== "ready" || finding.state !== "ready") throw new Error("a chart is not there");
  expect(latency.chart.span).toEqual(traffic.chart.span);
  expect(finding.chart.span).toEqual(traffic.chart.span);
  expect(traffic.chart.changes.map((change) => change.kind)).toEqual(["deployment", "deployment"]);
});

test.for([
  [2, 15],
  [17, 60],
  [200, 360],
  [2000, 60],
] as const)("a change %i minutes ago is first shown over %i minutes", ([age, range]) => {
  const verdict = { ...badVerdict, change: { ...badVerdict.change, at: minutesAgo(age) } };
  expect(rangeFor({ ...badStatus, verdict })).toBe(range);
});

test("without a change the first range is an hour", () => {
  expect(rangeFor(silentStatus)).toBe(60);
  expect(rangeFor(firstStatus)).toBe(60);
});

test("the range that a reader chose is kept", async () => {
  await start("search", "production");
  expect(model.minutes.value).toBe(15);
  model.minutes.value = 1440;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(model.minutes.value).toBe(1440);
});

test("another range is asked for at once, and long ones less often", async () => {
  await start();
  model.minutes.value = 20160;
  await vi.advanceTimersByTimeAsync(0);
  const asked = (): number => api.asked.filter((path) => path.includes("minutes=20160")).length;
  expect(asked()).toBe(4);
  await vi.advanceTimersByTimeAsync(55_000);
  expect(asked()).toBe(4);
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked()).toBe(8);
});

test("a series that the server does not have is that chart's problem alone", async () => {
  const { series } = api;
  api.series = (service, environment, query, abort) =>
    query.subject === "" && query.statistic === "latency"
      ? Promise.reject(new ApiFailure("missing", "no such signal"))
      : series(service, environment, query, abort);
  await start();
  expect(model.latency.value).toEqual({ state: "none", reason: "no such signal" });
  expect(model.traffic.value.state).toBe("ready");
  expect(model.status.failure.value).toBeNull();
});

test("when the server goes away the last data stays, and grows stale", async () => {
  await start();
  api.away = true;
  await vi.advanceTimersByTimeAsync(5000);
  expect(model.status.failure.value?.kind).toBe("away");
  expect(model.status.data.value?.service).toBe("orders");
  expect(model.traffic.value.state).toBe("ready");
});

test("a service without findings has no finding to chart", async () => {
  await start("orders", "staging");
  expect(model.selected.value).toBeNull();
  expect(model.finding.value.state).toBe("none");
});
