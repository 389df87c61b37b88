// Ages are counted on the server's clock: its time in the last reply, plus what passed here since. The clock of this
// computer may be wrong by hours without an age being wrong.
import { type ReadonlySignal, computed, signal } from "@preact/signals";

// Ticks once a second while a page is shown.
export const ticks = signal(performance.now());

let ticking: ReturnType<typeof setInterval> | undefined;

export function startTicking(): void {
  clearInterval(ticking);
  ticking = setInterval(() => {
    ticks.value = performance.now();
  }, 1000);
}

export function stopTicking(): void {
  clearInterval(ticking);
}

// The server's time now, in Unix milliseconds; null before its first reply.
export function serverClock(
  serverTime: ReadonlySignal<string | null>,
  receivedAt: ReadonlySignal<number | null>,
): ReadonlySignal<number | null> {
  return computed(() => {
    if (serverTime.value === null || receivedAt.value === null) return null;
    return Date.parse(serverTime.value) + Math.max(0, ticks.value - receivedAt.value);
  });
}

// After so long without an answer the last states are shown as history, not as colours.
export const STALE_AFTER_S = 30;

export function staleness(
  failure: ReadonlySignal<Error | null>,
  receivedAt: ReadonlySignal<number | null>,
): ReadonlySignal<boolean> {
  return computed(
    () => failure.value !== null && receivedAt.value !== null && ticks.value - receivedAt.value >= STALE_AFTER_S * 1000,
  );
}

export function secondsBetween(iso: string | null, nowMs: number | null): number | null {
  if (iso === null || nowMs === null) return null;
  const seconds = (nowMs - Date.parse(iso)) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
