import { beforeEach, expect, test } from "vitest";

import { badStatus, decoyStatus, earlyStatus, firstStatus, lastingIncident, silentStatus } from "../fixtures/orders";
import { iconSvg, serviceTab, servicesTab, showTab } from "./tabModel";

test.for([
  [badStatus, "(7) orders production — Changed · Fieldmark", "diamond", "bad"],
  [decoyStatus, "orders staging — No change seen · Fieldmark", "check", "good"],
  [earlyStatus, "search production — Not enough traffic yet · Fieldmark", "hourglass", "quiet"],
  [firstStatus, "invoices production — Cannot compare · Fieldmark", "slash", "quiet"],
  [silentStatus, "billing production — no change yet · Fieldmark", "hollow", "quiet"],
] as const)("the tab tells the state, case %#", ([status, title, shape, tone]) => {
  const tab = serviceTab(status.service, status.environment, status, false);
  expect(tab.title).toBe(title);
  expect(tab.icon).toEqual({ shape, tone });
});

test("a failing service without a finding is a cross, not a tick", () => {
  const answers = decoyStatus.answers.map((answer, i) => (i === 0 ? Object.assign({}, answer, { state: "bad" as const }) : answer));
  expect(serviceTab("orders", "staging", { ...decoyStatus, answers }, false).icon).toEqual({ shape: "cross", tone: "bad" });
});

test("what moved between changes and lasts is counted and seen in the icon, what is over is not", () => {
  const tab = serviceTab("orders", "staging", { ...decoyStatus, incidents: [lastingIncident], incidents_total: 1 }, false);
  expect(tab).toMatchObject({ title: "(1) orders staging — No change seen · Fieldmark", icon: { shape: "cross", tone: "bad" } });
  const over = { ...lastingIncident, state: "over" as const };
  expect(serviceTab("orders", "staging", { ...decoyStatus, incidents: [over], incidents_total: 1 }, false).icon.tone).toBe("good");
});

test("a tab without a fresh answer from the server says so and is not green", () => {
  const tab = serviceTab("orders", "staging", decoyStatus, true);
  expect(tab.title).toContain("server away");
  expect(tab.icon.tone).toBe("quiet");
  expect(servicesTab(null, true).icon.tone).toBe("quiet");
});

test("the list's tab counts findings of all services", () => {
  expect(servicesTab(3, false).title).toBe("(3) Services · Fieldmark");
  expect(servicesTab(0, false)).toMatchObject({ title: "Services · Fieldmark", count: 0 });
});

test("the icon carries the count, up to nine", () => {
  const icon = { shape: "diamond", tone: "bad" } as const;
  expect(iconSvg({ icon, count: 0 })).not.toContain("<text");
  expect(iconSvg({ icon, count: 7 })).toContain(">7</text>");
  expect(iconSvg({ icon, count: 12 })).toContain(">9+</text>");
});

beforeEach(() => {
  document.head.innerHTML = '<link rel="icon" href="/favicon.svg">';
});

test("showing a tab sets the title and an icon that a strict policy allows", () => {
  showTab(serviceTab("orders", "production", badStatus, false));
  expect(document.title).toContain("(7)");
  const href = document.querySelector('link[rel="icon"]')?.getAttribute("href") ?? "";
  expect(href.startsWith("data:image/svg+xml,")).toBe(true);
  expect(decodeURIComponent(href)).toContain(">7</text>");
});
