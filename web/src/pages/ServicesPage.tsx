// All services × environments, worst first; or how to connect the first one.
import { useEffect, useMemo } from "preact/hooks";
import type { JSX } from "preact";

import type { ServiceSummary } from "../api/types";
import { Age } from "../components/Age";
import { ConnectionBanner } from "../components/ConnectionBanner";
import { NoticeBanner } from "../components/NoticeBanner";
import { PageHeader } from "../components/PageHeader";
import { StateMark } from "../components/StateMark";
import { Version } from "../components/VerdictBanner";
import { startUpLines } from "../models/firstSteps";
import { formatClock, formatCount, formatNumber } from "../models/format";
import { servicePath } from "../models/route";
import { type ServicesModel, createServicesModel } from "../models/servicesModel";
import { answerLook } from "../models/states";
import { servicesTab, showTab } from "../models/tabModel";
import { Message } from "./MessagePage";

export function ServicesPage(): JSX.Element {
  const model = useMemo(() => createServicesModel(), []);
  useEffect(() => {
    model.list.start();
    return model.list.stop;
  }, [model]);
  return <ServicesScreen model={model} />;
}

export function ServicesScreen({ model }: { model: ServicesModel }): JSX.Element {
  const list = model.list.data.value;
  const now = model.now.value;
  const away = model.stale.value || (model.list.failure.value !== null && list === null);
  useEffect(() => showTab(servicesTab(model.findings.value, away)));
  return (
    <div class="page">
      <PageHeader aside={now !== null && <span class="clock">{formatClock(new Date(now).toISOString(), now)} UTC</span>} />
      <ConnectionBanner poller={model.list} api={model.api} />
      <NoticeBanner notices={list?.notices ?? []} />
      <main class={model.stale.value ? "stale" : ""}>
        {list === null && model.list.failure.value === null && <p class="loading">Loading…</p>}
        {list !== null && list.services.length === 0 && <FirstSteps />}
        {list !== null && list.services.length > 0 && (
          <section class="services" aria-labelledby="services-title">
            <header class="services-head">
              <h1 id="services-title" tabIndex={-1}>
                Services
              </h1>
              <p>worst first</p>
            </header>
            <ol class="service-rows">
              {list.services.map((summary) => (
                <li key={`${summary.service} ${summary.environment}`}>
                  <ServiceRow summary={summary} now={now} />
                </li>
              ))}
            </ol>
          </section>
        )}
      </main>
    </div>
  );
}

function ServiceRow({ summary, now }: { summary: ServiceSummary; now: number | null }): JSX.Element {
  const { shape, tone } = answerLook(summary.state);
  return (
    <a class={`service-row tone-${tone}`} href={servicePath(summary.service, summary.environment)}>
      <StateMark shape={shape} />
      <span class="service-row-name">
        <b>{summary.service}</b> <span class="environment">{summary.environment}</span>
      </span>
      <span class="service-row-headline">{summary.headline}</span>
      <span class="service-row-findings">
        {summary.findings > 0 && `${formatCount(summary.findings)} ${summary.findings === 1 ? "finding" : "findings"}`}
      </span>
      <span class="service-row-rate">{formatNumber(summary.requests_per_s)}/s</span>
      <Version name={summary.version} />
      <Age at={summary.last_data_at} now={now} />
    </a>
  );
}

function FirstSteps(): JSX.Element {
  const { importLine, oneLine, address, settings } = startUpLines(location.origin);
  return (
    <Message title="No service yet">
      <p>
        This server listens at <code>{address}</code> and nothing has reported to it. Add one line to a FastAPI app:
      </p>
      <pre>
        <code>
          <span class="code-quiet">{importLine}</span>
          {"\n"}
          {oneLine}
        </code>
      </pre>
      <p>and start it with the address of this server and a name:</p>
      <pre>
        <code>{settings}</code>
      </pre>
      <p class="quiet">
        The service appears here within seconds of its first request. Its first version has nothing to be compared with; the second one has.
      </p>
    </Message>
  );
}
