// The three charts above one another on one time axis, and the choice of how far back they go.
import type { JSX } from "preact";

import { RANGES, type ServiceModel } from "../models/serviceModel";
import { Chart } from "./Chart";

export function ChartStack({ model, now }: { model: ServiceModel; now: number }): JSX.Element {
  const selected = model.selected.value;
  const findingTitle = selected ? [selected.field, selected.statistic].filter((part) => part !== "").join(" ") : "";
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
        <Chart title="Traffic" state={model.traffic.value} now={now} />
        <Chart title="Latency" state={model.latency.value} now={now} />
        {selected && <Chart title={findingTitle} subtitle={selected.subject} state={model.finding.value} now={now} />}
      </div>
    </section>
  );
}
