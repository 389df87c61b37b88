// The changes of one service in one environment, what is known of what each did, and amending what was said of one.
import { type ReadonlySignal, computed, signal } from "@preact/signals";

import { type Api, httpApi } from "../api/client";
import type { AmendedChange, Change, Status, Verdict } from "../api/types";
import { serverClock, staleness } from "./clock";
import { type Poller, createPoller } from "./poller";

const PERIOD_MS = 30_000;
const ASK_AGAIN_MS = 1_000;

export type VerdictState = { state: "asking" } | { state: "ready"; verdict: Verdict } | { state: "none"; reason: string };

export interface ChangesModel {
  readonly api: Api;
  readonly service: string;
  readonly environment: string;
  readonly status: Poller<Status>;
  readonly list: Poller<Change[]>;
  readonly now: ReadonlySignal<number | null>; // Unix milliseconds on the server's clock
  readonly stale: ReadonlySignal<boolean>;
  // By version: that of the newest comes with the status, others when they are asked for.
  readonly verdicts: ReadonlySignal<ReadonlyMap<string, VerdictState>>;
  judge(version: string): void;
  // Rejects with an ApiFailure when the server does not keep it.
  amend(id: number, amended: AmendedChange): Promise<void>;
  start(): void;
  stop(): void;
}

export function createChangesModel(service: string, environment: string, api: Api = httpApi): ChangesModel {
  const asked = signal<ReadonlyMap<string, VerdictState>>(new Map());
  const ended = new AbortController();
  const status = createPoller((abort) => api.status(service, environment, abort), { period: () => PERIOD_MS });
  const list = createPoller((abort) => api.changes(service, environment, abort), { period: () => PERIOD_MS });
  const keep = (version: string, found: VerdictState): void => {
    asked.value = new Map(asked.value).set(version, found);
  };
  // The server waits for a verdict a while, then says that it is being made.
  const judged = async (version: string): Promise<Verdict> => {
    for (;;) {
      const verdict = await api.verdict(service, environment, version, ended.signal);
      if (verdict.state !== "judging" || ended.signal.aborted) return verdict;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  };
  const verdicts = computed(() => {
    const newest = status.data.value?.verdict;
    const version = newest?.change.to_version;
    return newest && version ? new Map(asked.value).set(version, { state: "ready", verdict: newest }) : asked.value;
  });
  return {
    api,
    service,
    environment,
    status,
    list,
    now: serverClock(
      computed(() => status.data.value?.server_time ?? null),
      status.receivedAt,
    ),
    stale: staleness(list.failure, list.receivedAt),
    verdicts,
    judge(version) {
      keep(version, { state: "asking" });
      judged(version).then(
        (verdict) => keep(version, { state: "ready", verdict }),
        (error: unknown) => keep(version, { state: "none", reason: error instanceof Error ? error.message : String(error) }),
      );
    },
    async amend(id, amended) {
      await api.amendChange(service, environment, id, amended);
      list.tryNow();
    },
    start() {
      status.start();
      list.start();
    },
    stop() {
      ended.abort();
      status.stop();
      list.stop();
    },
  };
}

// A deployment that was seen can be judged; what was only announced to be one cannot yet.
export function judgeable(change: Change): string | null {
  return change.kind === "deployment" && change.first_seen_at !== null && change.from_version !== null ? change.to_version : null;
}

export const KIND_WORDS: Record<Change["kind"], string> = {
  deployment: "Deployment",
  migration: "Migration",
  cache_rule: "Cache rule",
  job: "Job",
  configuration: "Configuration",
};

// What may be said of a change, in the order in which it is asked for.
export const AMENDABLE = [
  { name: "title", label: "Title", required: true },
  { name: "owner", label: "Owner", required: false },
  { name: "expected", label: "Expected result", required: false },
  { name: "rollback", label: "Rollback", required: false },
  { name: "url", label: "Link", required: false },
] as const;

// Only what is different: the advice to go back to the version before is nothing that anybody wrote.
export function amendmentOf(change: Change, written: Record<string, string>): AmendedChange {
  const amended: AmendedChange = {};
  for (const { name } of AMENDABLE) {
    const text = written[name]?.trim();
    if (text !== undefined && text !== change[name]) amended[name] = text;
  }
  return amended;
}
