// The list of services × environments, in the server's order: worst first.
import { type ReadonlySignal, computed } from "@preact/signals";

import { type Api, httpApi } from "../api/client";
import type { ServiceList } from "../api/types";
import { serverClock, staleness } from "./clock";
import { type Poller, createPoller } from "./poller";

export interface ServicesModel {
  readonly api: Api;
  readonly list: Poller<ServiceList>;
  readonly now: ReadonlySignal<number | null>;
  readonly stale: ReadonlySignal<boolean>;
  readonly findings: ReadonlySignal<number | null>;
}

export function createServicesModel(api: Api = httpApi): ServicesModel {
  const list = createPoller((abort) => api.services(abort));
  const serverTime = computed(() => list.data.value?.server_time ?? null);
  const now = serverClock(serverTime, list.receivedAt);
  return {
    api,
    list,
    now,
    stale: staleness(list.failure, list.receivedAt),
    findings: computed(() => list.data.value?.services.reduce((sum, service) => sum + service.findings, 0) ?? null),
  };
}
