// All changes of a service, newest first: who announced what, when, and what it did.
import { useEffect, useMemo } from "preact/hooks";
import type { JSX } from "preact";

import { ChangeRow } from "../components/ChangeRow";
import { ConnectionBanner } from "../components/ConnectionBanner";
import { NoticeBanner } from "../components/NoticeBanner";
import { PageHeader } from "../components/PageHeader";
import { type ChangesModel, createChangesModel } from "../models/changesModel";
import { formatClock, formatCount } from "../models/format";
import { servicePath } from "../models/route";
import { changesTab, showTab } from "../models/tabModel";
import { Message } from "./MessagePage";

interface ChangesPageProps {
  service: string;
  environment: string;
}

export function ChangesPage({ service, environment }: ChangesPageProps): JSX.Element {
  const model = useMemo(() => createChangesModel(service, environment), [service, environment]);
  useEffect(() => {
    model.start();
    return model.stop;
  }, [model]);
  return <ChangesScreen model={model} />;
}

export function ChangesScreen({ model }: { model: ChangesModel }): JSX.Element {
  const { service, environment } = model;
  const changes = model.list.data.value;
  const failure = model.list.failure.value;
  const now = model.now.value;
  const count = changes?.length ?? null;
  useEffect(() => showTab(changesTab(service, environment, count)), [service, environment, count]);
  return (
    <div class="page">
      <PageHeader aside={now !== null && <span class="clock">{formatClock(new Date(now).toISOString(), now)} UTC</span>}>
        <p class="service-name">
          <a href={servicePath(service, environment)}>
            {service} <span class="environment">{environment}</span>
          </a>
        </p>
      </PageHeader>
      {failure?.kind !== "missing" && <ConnectionBanner poller={model.list} api={model.api} />}
      <NoticeBanner notices={model.status.data.value?.notices ?? []} />
      <main class={model.stale.value ? "stale" : ""}>
        {failure?.kind === "missing" ? (
          <Message title="No such service">
            <p>
              The server has not heard of <b>{service}</b> in <b>{environment}</b>: {failure.message}.
            </p>
          </Message>
        ) : (
          <section class="changes" aria-labelledby="changes-title">
            <header class="services-head">
              <h1 id="changes-title" tabIndex={-1}>
                Changes
              </h1>
              <p>{count === null ? "" : count === 0 ? "none yet" : `${formatCount(count)}, newest first`}</p>
            </header>
            {changes === null && failure === null && <p class="loading">Loading…</p>}
            {count === 0 && (
              <p class="panel-empty">
                A deployment appears here by itself when another version reports; announce what cannot be seen with{" "}
                <code>fieldmark change</code>.
              </p>
            )}
            {count !== null && count > 0 && (
              <ol class="change-rows">
                {changes?.map((change) => (
                  <li key={`${change.id ?? ""} ${change.at} ${change.to_version ?? ""}`}>
                    <ChangeRow change={change} model={model} now={now} />
                  </li>
                ))}
              </ol>
            )}
          </section>
        )}
      </main>
    </div>
  );
}
