// A service's first screen: four answers, the verdict, the findings worst first, and the charts.
import { useEffect, useMemo } from "preact/hooks";
import type { JSX } from "preact";

import type { Status } from "../api/types";
import { Age } from "../components/Age";
import { AnswerCard } from "../components/AnswerCard";
import { ChartStack } from "../components/ChartStack";
import { ConnectionBanner } from "../components/ConnectionBanner";
import { FindingList } from "../components/FindingList";
import { IncidentList } from "../components/IncidentList";
import { NoticeBanner } from "../components/NoticeBanner";
import { PageHeader } from "../components/PageHeader";
import { VerdictBanner, Version } from "../components/VerdictBanner";
import { formatClock } from "../models/format";
import { changesPath } from "../models/route";
import { type ServiceModel, createServiceModel } from "../models/serviceModel";
import { serviceTab, showTab } from "../models/tabModel";
import { Message } from "./MessagePage";

interface ServicePageProps {
  service: string;
  environment: string;
}

export function ServicePage({ service, environment }: ServicePageProps): JSX.Element {
  const model = useMemo(() => createServiceModel(service, environment), [service, environment]);
  useEffect(() => {
    model.start();
    return model.stop;
  }, [model]);
  return <ServiceScreen model={model} />;
}

export function ServiceScreen({ model }: { model: ServiceModel }): JSX.Element {
  const { service, environment } = model;
  const status = model.status.data.value;
  const failure = model.status.failure.value;
  const unknown = failure?.kind === "missing";
  const now = model.now.value;
  const stale = model.stale.value;
  useEffect(() => showTab(serviceTab(service, environment, unknown ? null : status, !unknown && (stale || (failure !== null && !status)))));

  const header = (
    <PageHeader aside={<Freshness status={status} now={now} />}>
      <h1 class="service-name" tabIndex={-1}>
        {service} <span class="environment">{environment}</span>
      </h1>
      {status && <Version name={status.version} />}
      {!unknown && (
        <a class="head-link" href={changesPath(service, environment)}>
          Changes
        </a>
      )}
    </PageHeader>
  );

  if (unknown) {
    return (
      <div class="page">
        {header}
        <main>
          <Message title="No such service">
            <p>
              The server has not heard of <b>{service}</b> in <b>{environment}</b>: {failure.message}.
            </p>
            <p>
              <a href="/">See the services it knows</a>
            </p>
          </Message>
        </main>
      </div>
    );
  }
  return (
    <div class="page page-service">
      <a class="skip" href="#charts">
        Skip to the charts
      </a>
      {header}
      <ConnectionBanner poller={model.status} api={model.api} />
      <NoticeBanner notices={status?.notices ?? []} />
      <main class={stale ? "service stale" : "service"}>
        {status && now !== null ? <Screen model={model} status={status} now={now} /> : !failure && <p class="loading">Loading…</p>}
      </main>
    </div>
  );
}

function Screen({ model, status, now }: { model: ServiceModel; status: Status; now: number }): JSX.Element {
  return (
    <>
      <section class="answers" aria-label="Four answers">
        {status.answers.map((answer) => (
          <AnswerCard key={answer.question} answer={answer} dataAt={status.last_data_at} now={now} />
        ))}
      </section>
      <IncidentList status={status} now={now} />
      <VerdictBanner status={status} now={now} />
      <FindingList verdict={status.verdict} selected={model.selected.value} now={now} onSelect={model.select} />
      <ChartStack model={model} now={now} />
    </>
  );
}

function Freshness({ status, now }: { status: Status | null; now: number | null }): JSX.Element | null {
  if (!status || now === null) return null;
  return (
    <>
      <Age at={status.last_data_at} now={now} label="last data" />
      <span class="clock">{formatClock(new Date(now).toISOString(), now)} UTC</span>
    </>
  );
}
