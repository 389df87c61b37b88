// What moved between changes, in words: those that last first, then the newest that are over.
import type { Incident } from "../api/types";
import { formatClock } from "./format";
import type { Look } from "./states";

export const INCIDENTS_SHOWN = 3;

export function incidentsInOrder(incidents: readonly Incident[]): Incident[] {
  return incidents.toSorted((a, b) => Number(b.state === "lasts") - Number(a.state === "lasts"));
}

// What became of it.
export function incidentFate(incident: Incident, nowMs: number): string {
  switch (incident.state) {
    case "lasts":
      return `lasts, last seen ${formatClock(incident.seen_at, nowMs)}`;
    case "settled":
      return "lasted a day, usual now";
    default:
      return `over by ${formatClock(incident.over_at ?? incident.seen_at, nowMs)}`;
  }
}

export function incidentLook(incident: Incident): Look {
  if (incident.state !== "lasts") return { shape: "hollow", tone: "quiet" };
  return incident.direction === "worse" ? { shape: "cross", tone: "bad" } : { shape: "triangle", tone: "attention" };
}
