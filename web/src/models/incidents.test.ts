import { expect, test } from "vitest";

import { badStatus, lastingIncident } from "../fixtures/orders";
import { NOW, minutesAgo } from "../fixtures/times";
import { incidentFate, incidentLook, incidentsInOrder } from "./incidents";

const now = Date.parse(NOW);

test("an incident that lasts says when it was last seen, others how they ended", () => {
  expect(incidentFate(lastingIncident, now)).toBe("lasts, last seen 03:00");
  expect(incidentFate({ ...lastingIncident, state: "over", over_at: minutesAgo(72) }, now)).toBe("over by 02:00");
  expect(incidentFate({ ...lastingIncident, state: "settled", over_at: minutesAgo(72) }, now)).toBe("lasted a day, usual now");
});

test("what lasts stands before what is over, each in the order in which they came", () => {
  const over = { ...lastingIncident, id: 8, state: "over" as const };
  expect(incidentsInOrder([over, lastingIncident, { ...lastingIncident, id: 3 }]).map((one) => one.id)).toEqual([lastingIncident.id, 3, 8]);
});

test("only what lasts is loud, and worse louder than different", () => {
  expect(incidentLook(lastingIncident)).toEqual({ shape: "cross", tone: "bad" });
  expect(incidentLook({ ...lastingIncident, direction: "different" }).tone).toBe("attention");
  expect(incidentLook({ ...lastingIncident, state: "over" }).tone).toBe("quiet");
  expect(badStatus.incidents).toEqual([]);
});
