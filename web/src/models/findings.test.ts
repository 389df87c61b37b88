import { expect, test } from "vitest";

import { badFindings, badVerdict, decoyVerdict, plantedFinding } from "../fixtures/orders";
import { NOW } from "../fixtures/times";
import { countFindings, countsText, findingSentence, findingText } from "./findings";

const now = Date.parse(NOW);
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");

test("a finding says what, where, from, to, since and on how many", () => {
  const text = findingText(plantedFinding, now);
  expect(text.what).toBe("customer.phone null");
  expect(text.where).toBe("POST /orders request");
  expect(plain(`${text.from} → ${text.to}`)).toBe("1 % → 38 %");
  expect(text.since).toBe("since 02:55");
  expect(plain(text.observed)).toBe("n 48 210 → 2 104");
  expect(text.qualifier).toBeNull();
});

test("a finding of a whole subject is named after its statistic alone", () => {
  expect(findingText({ ...plantedFinding, field: "", statistic: "latency" }, now).what).toBe("latency");
});

test("an uncertain beginning is an interval", () => {
  const at = (first: string, last: string): string => findingText({ ...plantedFinding, since: [first, last] }, now).since;
  expect(at("2026-11-24T02:55:10Z", "2026-11-24T02:55:50Z")).toBe("since 02:55");
  expect(at("2026-11-24T02:55:00Z", "2026-11-24T02:57:00Z")).toBe("since 02:55–02:57");
  expect(at("2026-11-23T22:00:00Z", "2026-11-23T23:00:00Z")).toBe("since 23 Nov 22:00–23:00");
  expect(at("2026-11-23T23:58:00Z", "2026-11-24T00:03:00Z")).toBe("since 23 Nov 23:58–00:03");
});

test("a finding that stands for others says how many", () => {
  const also = ["POST /orders response 2xx customer.phone null", "GET /orders/{id} response 2xx customer.phone null"];
  expect(findingText({ ...plantedFinding, also }, now).where).toBe("POST /orders request and 2 more");
});

test("the sentence for listeners holds the state, which sighted readers see as a shape", () => {
  expect(plain(findingSentence(plantedFinding, now))).toBe(
    "Changed, worse: POST /orders request customer.phone null, 1 % to 38 %, since 02:55, " +
      "2 104 observations after and 48 210 before",
  );
});

test("a mix says which value moved where that is revealed", () => {
  const mix = { ...plantedFinding, field: "status", statistic: "mix", kind: "mix" as const, category: "paid" };
  expect(findingText(mix, now).what).toBe("status mix: paid");
  expect(findingText({ ...mix, category: null }, now).what).toBe("status mix");
});

test("the sentence of a mix leaves out numbers that do not exist, and keeps the qualifier", () => {
  const mix = badFindings.find((finding) => finding.kind === "mix");
  expect(mix).toBeDefined();
  if (!mix) return;
  const sentence = findingSentence(mix, now);
  expect(sentence).toContain("channel mix, since");
  expect(sentence).toContain("started earlier");
});

test("findings are counted by state", () => {
  expect(countFindings(badVerdict)).toEqual({ changed: 6, suspected: 1 });
  expect(countsText(countFindings(badVerdict))).toBe("6 changed, 1 suspected");
  expect(countsText(countFindings(decoyVerdict))).toBe("");
  expect(countFindings(null)).toEqual({ changed: 0, suspected: 0 });
});
