// What moved between changes: a line each. Nothing is drawn where nothing did in the last day.
import type { JSX } from "preact";

import type { Status } from "../api/types";
import { INCIDENTS_SHOWN, incidentFate, incidentLook, incidentsInOrder } from "../models/incidents";
import { StateMark } from "./StateMark";

export function IncidentList({ status, now }: { status: Status; now: number }): JSX.Element | null {
  if (status.incidents.length === 0) return null;
  const shown = incidentsInOrder(status.incidents).slice(0, INCIDENTS_SHOWN);
  const more = status.incidents_total - shown.length;
  return (
    <section class="incidents" aria-labelledby="incidents-title">
      <h2 id="incidents-title">Between changes</h2>
      <ul>
        {shown.map((incident) => {
          const { shape, tone } = incidentLook(incident);
          return (
            <li key={incident.id} class={`tone-${tone}`} title={[incident.sentence, ...incident.also].join("\n")}>
              <StateMark shape={shape} />
              <span class="incident-what">{incident.sentence}</span>
              <span class="incident-fate">{incidentFate(incident, now)}</span>
            </li>
          );
        })}
      </ul>
      {more > 0 && <p class="incident-fate">and {more} more in the last day</p>}
    </section>
  );
}
