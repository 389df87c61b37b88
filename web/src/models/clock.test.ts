import { signal } from "@preact/signals";
import { expect, test } from "vitest";

import { secondsBetween, serverClock, staleness, ticks } from "./clock";

test("ages follow the server's clock, whatever this computer's says", () => {
  ticks.value = 100_000;
  const serverTime = signal<string | null>(null);
  const receivedAt = signal<number | null>(null);
  const clock = serverClock(serverTime, receivedAt);
  expect(clock.value).toBeNull();
  serverTime.value = "2031-01-01T00:00:00Z";
  receivedAt.value = 100_000;
  ticks.value = 107_000;
  expect(secondsBetween("2030-12-31T23:59:56Z", clock.value)).toBe(11);
});

test("a time ahead of the server's clock is not a negative age", () => {
  expect(secondsBetween("2031-01-01T00:00:05Z", Date.parse("2031-01-01T00:00:00Z"))).toBe(0);
  expect(secondsBetween(null, 0)).toBeNull();
  expect(secondsBetween("never", 0)).toBeNull();
});

test("states go stale only when the server has been away for a while", () => {
  const failure = signal<Error | null>(null);
  const receivedAt = signal<number | null>(0);
  const stale = staleness(failure, receivedAt);
  ticks.value = 500_000;
  expect(stale.value).toBe(false);
  failure.value = new Error("away");
  expect(stale.value).toBe(true);
  ticks.value = 29_999;
  expect(stale.value).toBe(false);
});
