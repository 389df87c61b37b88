import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ApiFailure } from "../api/client";
import { PERIOD_MS, type Poller, createPoller } from "./poller";

const AWAY = new ApiFailure("away", "nothing answers");
let poller: Poller<number> | undefined;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  poller?.stop();
  vi.useRealTimers();
});

function counting(behaviour: (call: number) => Promise<number>): { load: (abort: AbortSignal) => Promise<number>; aborts: AbortSignal[] } {
  const aborts: AbortSignal[] = [];
  return {
    aborts,
    load: (abort) => {
      aborts.push(abort);
      return behaviour(aborts.length);
    },
  };
}

test("it loads at once and again every period", async () => {
  const { load, aborts } = counting((call) => Promise.resolve(call));
  poller = createPoller(load);
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(poller.data.value).toBe(1);
  await vi.advanceTimersByTimeAsync(PERIOD_MS - 1);
  expect(aborts.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(poller.data.value).toBe(2);
});

test("it keeps the last data while the server is away, backs off, and recovers", async () => {
  const calls: number[] = [];
  const { load } = counting((call) => {
    calls.push(performance.now());
    return call >= 2 && call <= 7 ? Promise.reject(AWAY) : Promise.resolve(call);
  });
  poller = createPoller(load, { spread: () => 0 });
  poller.start();
  await vi.advanceTimersByTimeAsync(PERIOD_MS);
  expect(poller.failure.value).toBe(AWAY);
  expect(poller.data.value).toBe(1);
  const received = poller.receivedAt.value;
  await vi.advanceTimersByTimeAsync(300_000);
  const pauses = calls.slice(1, 8).map((at, i) => Math.round((at - (calls[i] ?? 0)) / 1000));
  expect(pauses).toEqual([5, 5, 10, 20, 40, 60, 60]);
  expect(poller.failure.value).toBeNull();
  expect(poller.receivedAt.value).toBeGreaterThan(received ?? Infinity);
});

test("the spread only ever shortens a back-off", async () => {
  const { load } = counting(() => Promise.reject(AWAY));
  poller = createPoller(load, { spread: () => 1 });
  poller.start();
  await vi.advanceTimersByTimeAsync(PERIOD_MS);
  expect((poller.nextTryAt.value ?? 0) - performance.now()).toBe(7500);
});

test("trying now aborts what is under way, whose late answer changes nothing", async () => {
  const answers: ((value: number) => void)[] = [];
  const { load, aborts } = counting(() => new Promise((resolve) => answers.push(resolve)));
  poller = createPoller(load);
  poller.start();
  poller.tryNow();
  expect(aborts.map((abort) => abort.aborted)).toEqual([true, false]);
  answers[1]?.(2);
  await vi.advanceTimersByTimeAsync(0);
  answers[0]?.(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(poller.data.value).toBe(2);
});

test("stopped, it aborts and never loads again", async () => {
  const { load, aborts } = counting((call) => Promise.resolve(call));
  poller = createPoller(load);
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  poller.stop();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(aborts.length).toBe(1);
});

test("a tab that comes back loads at once", async () => {
  const { load, aborts } = counting((call) => Promise.resolve(call));
  poller = createPoller(load);
  poller.start();
  await vi.advanceTimersByTimeAsync(1000);
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(aborts.length).toBe(2);
});

test("an error that is no failure of the API is shown as one", async () => {
  poller = createPoller<number>(() => Promise.reject(new TypeError("odd")));
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(poller.failure.value?.kind).toBe("broken");
});
