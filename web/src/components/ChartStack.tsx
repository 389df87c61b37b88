// The three charts above one another on one time axis, and the choice of how far back they go.
import type { JSX } from "preact";

import { isEmpty } from "../models/chartModel";
import { findingName } from "../models/findings";
import { type ChartState, RANGES, type ServiceModel } from "../models/serviceModel";
import { Chart } from "./Chart";

export function ChartStack({ model, now }: { model: ServiceModel; now: number }): JSX.Element {
  const selected = model.selected.value;
  const findingTitle = selected ? findingName(selected) : "";
  const charts: { place: string; title: string; subtitle?: string; state: ChartState }[] = [
    { place: "traffic", title: "Traffic", state: model.traffic.value },
    { place: "latency", title: "Latency", state: model.latency.value },
  ];
  if (selected) charts.push({ place: "finding", title: findingTitle, subtitle: selected.subject, state: model.finding.value });
  const lowest = charts.findLastIndex(({ state }) => state.state === "ready" && !isEmpty(state.chart));
  return (
    <section class="charts panel" id="charts" tabIndex={-1} aria-labelledby="charts-title">
      <header class="panel-head">
        <h2 id="charts-title">Over time</h2>
        <fieldset class="ranges">
          <legend class="unseen">How far back</legend>
          {RANGES.map(({ minutes, label, spoken }) => (
            <label key={minutes} class="range">
              <input
                type="radio"
                name="range"
                value={minutes}
                aria-label={spoken}
                checked={model.minutes.value === minutes}
                onChange={() => {
                  model.minutes.value = minutes;
                }}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
      </header>
      <div class="chart-stack">
        {charts.map(({ place, ...chart }, index) => (
          <Chart key={place} {...chart} now={now} showTimes={index === lowest} />
        ))}
      </div>
    </section>
  );
}
