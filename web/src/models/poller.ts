// Polls one load: one request in flight, back-off while the server is away, the last data kept with its age.
import { type ReadonlySignal, signal } from "@preact/signals";

import { ApiFailure } from "../api/client";

export const PERIOD_MS = 5000;
const BACK_OFF_MS_MAX = 60_000;

export interface Poller<T> {
  readonly data: ReadonlySignal<T | null>;
  // On the browser's monotonic clock, when `data` came.
  readonly receivedAt: ReadonlySignal<number | null>;
  // Why the last attempt failed; null after one that did not.
  readonly failure: ReadonlySignal<ApiFailure | null>;
  readonly nextTryAt: ReadonlySignal<number | null>;
  start(): void;
  stop(): void;
  tryNow(): void;
}

export interface PollerOptions {
  // Between two loads, in milliseconds; asked before each pause.
  period?: () => number;
  // In 0..1, shortens a back-off by up to a quarter, so that many open pages do not return in step.
  spread?: () => number;
}

export function createPoller<T>(load: (abort: AbortSignal) => Promise<T>, options: PollerOptions = {}): Poller<T> {
  const { period = () => PERIOD_MS, spread = Math.random } = options;
  const data = signal<T | null>(null);
  const receivedAt = signal<number | null>(null);
  const failure = signal<ApiFailure | null>(null);
  const nextTryAt = signal<number | null>(null);
  let failures = 0;
  let running: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function wait(): void {
    const backOff = Math.min(PERIOD_MS * 2 ** Math.max(failures - 1, 0), BACK_OFF_MS_MAX);
    const pause = failures > 1 ? backOff * (1 - spread() / 4) : failures === 1 ? PERIOD_MS : period();
    nextTryAt.value = performance.now() + pause;
    timer = setTimeout(attempt, pause);
  }

  async function attempt(): Promise<void> {
    clearTimeout(timer);
    running?.abort();
    const mine = new AbortController();
    running = mine;
    try {
      const loaded = await load(mine.signal);
      if (mine.signal.aborted) return;
      failures = 0;
      data.value = loaded;
      receivedAt.value = performance.now();
      failure.value = null;
    } catch (error) {
      if (mine.signal.aborted) return;
      failures += 1;
      failure.value = error instanceof ApiFailure ? error : new ApiFailure("broken", String(error));
    }
    wait();
  }

  // A tab that was hidden has old data: the reader should not wait for the next round.
  function onVisible(): void {
    if (document.visibilityState === "visible") void attempt();
  }

  return {
    data,
    receivedAt,
    failure,
    nextTryAt,
    start() {
      document.addEventListener("visibilitychange", onVisible);
      void attempt();
    },
    stop() {
      document.removeEventListener("visibilitychange", onVisible);
      clearTimeout(timer);
      running?.abort();
    },
    tryNow() {
      void attempt();
    },
  };
}
