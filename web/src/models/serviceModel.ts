// One service in one environment: its status, the chosen finding and range, and the series of the three charts.
import { type ReadonlySignal, type Signal, computed, effect, signal } from "@preact/signals";

import { type Api, ApiFailure, httpApi } from "../api/client";
import type { Finding, SeriesQuery, SeriesReply, Status } from "../api/types";
import { type ChartData, findingChart, latencyChart, trafficChart } from "./chartModel";
import { serverClock, staleness } from "./clock";
import { PERIOD_MS, type Poller, createPoller } from "./poller";

export const RANGES = [
  { minutes: 15, label: "15 min", spoken: "15 minutes" },
  { minutes: 60, label: "1 h", spoken: "1 hour" },
  { minutes: 360, label: "6 h", spoken: "6 hours" },
  { minutes: 1440, label: "1 d", spoken: "1 day" },
  { minutes: 20160, label: "14 d", spoken: "14 days" },
] as const;

const RANGE_AT_FIRST = 60;

// The range to begin with: a change of the last hours fills a good part of it.
export function rangeFor(status: Status): number {
  const change = status.verdict?.change;
  if (!change || change.from_version === null) return RANGE_AT_FIRST;
  const minutes = (Date.parse(status.server_time) - Date.parse(change.at)) / 60_000;
  return RANGES.find((range) => range.minutes <= 360 && minutes <= range.minutes * 0.8)?.minutes ?? RANGE_AT_FIRST;
}

export type ChartState = { state: "loading" } | { state: "ready"; chart: ChartData } | { state: "none"; reason: string };

export interface ServiceModel {
  readonly api: Api;
  readonly service: string;
  readonly environment: string;
  readonly status: Poller<Status>;
  readonly now: ReadonlySignal<number | null>; // Unix milliseconds on the server's clock
  readonly stale: ReadonlySignal<boolean>;
  readonly selected: ReadonlySignal<Finding | null>;
  readonly minutes: Signal<number>;
  readonly traffic: ReadonlySignal<ChartState>;
  readonly latency: ReadonlySignal<ChartState>;
  readonly finding: ReadonlySignal<ChartState>;
  select(finding: Finding): void;
  start(): void;
  stop(): void;
}

type Loaded = { reply: SeriesReply } | { problem: string };

export function createServiceModel(service: string, environment: string, api: Api = httpApi): ServiceModel {
  const minutes = signal<number>(RANGE_AT_FIRST);
  const chosen = signal<string | null>(null);

  const load = async (query: SeriesQuery, abort: AbortSignal): Promise<Loaded> => {
    try {
      return { reply: await api.series(service, environment, query, abort) };
    } catch (error) {
      // One chart without an answer is that chart's problem; a server that is away is everybody's.
      if (error instanceof ApiFailure && (error.kind === "missing" || error.kind === "broken")) return { problem: error.message };
      throw error;
    }
  };

  const status = createPoller((abort) => api.status(service, environment, abort));
  const selected = computed(() => {
    const findings = status.data.value?.verdict?.findings ?? [];
    return findings.find((finding) => finding.signal === chosen.value) ?? findings[0] ?? null;
  });
  const selectedSignal = computed(() => selected.value?.signal ?? null);

  // Long ranges have long steps: asking for them as often would only load the server.
  const period = (): number => Math.max(PERIOD_MS, Math.min(60_000, (minutes.peek() / 60) * PERIOD_MS));

  const whole = createPoller(
    async (abort) => {
      const ask = (statistic: string): Promise<Loaded> => load({ subject: "", statistic, minutes: minutes.peek() }, abort);
      const [requests, failed, latency] = await Promise.all([ask("requests"), ask("status 5xx"), ask("latency")]);
      return { requests, failed, latency };
    },
    { period },
  );

  const ofFinding = createPoller(
    async (abort) => {
      const finding = selected.peek();
      if (!finding) return null;
      const { subject, field, statistic } = finding;
      return { signal: finding.signal, loaded: await load({ subject, field, statistic, minutes: minutes.peek() }, abort) };
    },
    { period },
  );

  const traffic = computed<ChartState>(() => {
    const loaded = whole.data.value;
    if (!loaded) return { state: "loading" };
    if (!("reply" in loaded.requests)) return { state: "none", reason: loaded.requests.problem };
    const failed = "reply" in loaded.failed ? loaded.failed.reply : null;
    return { state: "ready", chart: trafficChart(loaded.requests.reply, failed) };
  });

  // All charts show the same stretch of time, though their series were asked for at different moments.
  const aligned = (chart: ChartData): ChartData =>
    traffic.value.state === "ready" ? { ...chart, span: traffic.value.chart.span } : chart;

  const latency = computed<ChartState>(() => {
    const loaded = whole.data.value?.latency;
    if (!loaded) return { state: "loading" };
    if (!("reply" in loaded)) return { state: "none", reason: loaded.problem };
    return { state: "ready", chart: aligned(latencyChart(loaded.reply)) };
  });

  const finding = computed<ChartState>(() => {
    const shown = selected.value;
    if (!shown) return { state: "none", reason: "no finding to chart" };
    const loaded = ofFinding.data.value;
    if (!loaded || loaded.signal !== shown.signal) return { state: "loading" };
    if (!("reply" in loaded.loaded)) return { state: "none", reason: loaded.loaded.problem };
    return { state: "ready", chart: aligned(findingChart(loaded.loaded.reply, shown)) };
  });

  const serverTime = computed(() => status.data.value?.server_time ?? null);
  const now = serverClock(serverTime, status.receivedAt);
  const stale = staleness(status.failure, status.receivedAt);

  let dispose: (() => void)[] = [];
  return {
    api,
    service,
    environment,
    status,
    now,
    stale,
    selected,
    minutes,
    traffic,
    latency,
    finding,
    select(wanted) {
      chosen.value = wanted.signal;
    },
    start() {
      status.start();
      whole.start();
      ofFinding.start();
      dispose = [
        afterFirst(minutes, () => {
          whole.tryNow();
          ofFinding.tryNow();
        }),
        afterFirst(selectedSignal, () => ofFinding.tryNow()),
        once(status.data, (first) => {
          if (minutes.peek() === RANGE_AT_FIRST) minutes.value = rangeFor(first);
        }),
      ];
    },
    stop() {
      for (const end of dispose) end();
      for (const poller of [status, whole, ofFinding]) poller.stop();
    },
  };
}

// Runs `react` with the first value that is one.
function once<T>(source: ReadonlySignal<T | null>, react: (value: T) => void): () => void {
  let done = false;
  return effect(() => {
    const value = source.value;
    if (done || value === null) return;
    done = true;
    react(value);
  });
}

// Runs `react` when the value changes, not for the value it has.
function afterFirst(source: ReadonlySignal<unknown>, react: () => void): () => void {
  let first = true;
  return effect(() => {
    void source.value;
    if (!first) react();
    first = false;
  });
}
