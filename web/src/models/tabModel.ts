// What the browser's tab says: counts in the title, and an icon whose shape, colour and digit tell the state.
import { type Look, type Shape, type Tone, verdictLook } from "./states";
import type { Incident, Status, Verdict } from "../api/types";

export interface Tab {
  title: string;
  icon: Look;
  count: number;
}

export function serviceTab(service: string, environment: string, status: Status | null, away: boolean): Tab {
  const name = `${service} ${environment}`;
  if (away) return { title: `? ${name} — server away · Fieldmark`, icon: AWAY, count: 0 };
  if (!status) return { title: `${name} · Fieldmark`, icon: AWAY, count: 0 };
  const count = (status.verdict?.findings.length ?? 0) + lastingIncidents(status).length;
  const word = status.verdict?.title ?? "no change yet";
  return {
    title: `${count ? `(${count}) ` : ""}${name} — ${word} · Fieldmark`,
    icon: serviceIcon(status, status.verdict),
    count,
  };
}

export function servicesTab(findings: number | null, away: boolean): Tab {
  if (away || findings === null) return { title: away ? "? server away · Fieldmark" : "Fieldmark", icon: AWAY, count: 0 };
  if (findings === 0) return { title: "Services · Fieldmark", icon: AWAY, count: 0 };
  return { title: `(${findings}) Services · Fieldmark`, icon: { shape: "diamond", tone: "bad" }, count: findings };
}

export function changesTab(service: string, environment: string, count: number | null): Tab {
  const title = `Changes of ${service} ${environment} · Fieldmark`;
  return { title: count === null ? title : `${count} ${title[0]?.toLowerCase()}${title.slice(1)}`, icon: AWAY, count: 0 };
}

const AWAY: Look = { shape: "hollow", tone: "quiet" };

function lastingIncidents({ incidents }: Status): Incident[] {
  return incidents.filter((incident) => incident.state === "lasts");
}

// The worst of the four answers, of the verdict and of what moved between changes and lasts.
function serviceIcon(status: Status, verdict: Verdict | null): Look {
  const states = new Set(status.answers.map((answer) => answer.state));
  for (const { direction } of lastingIncidents(status)) states.add(direction === "worse" ? "bad" : "attention");
  if (verdict?.state === "changed") return verdictLook("changed");
  if (states.has("bad")) return { shape: "cross", tone: "bad" };
  if (verdict?.state === "suspected") return verdictLook("suspected");
  if (states.has("attention")) return { shape: "triangle", tone: "attention" };
  if (states.has("no_data") && !states.has("good")) return AWAY;
  return verdict ? verdictLook(verdict.state) : AWAY;
}

// Tabs are light or dark whatever the page is: middle tones that stand out on both.
const ICON_COLOURS: Record<Tone, string> = { good: "#2c9a5b", attention: "#d08a00", bad: "#e0453a", quiet: "#7b828c" };

const ICON_SHAPES: Record<Shape, (colour: string) => string> = {
  check: (c) => `<circle cx="16" cy="16" r="15" fill="${c}"/><path d="M9 17l5 5 9-11" fill="none" stroke="#fff" stroke-width="4"/>`,
  triangle: (c) => `<path d="M16 2L31 30H1z" fill="${c}"/>`,
  cross: (c) => `<rect x="1" y="1" width="30" height="30" rx="6" fill="${c}"/>`,
  hollow: (c) => `<circle cx="16" cy="16" r="11" fill="none" stroke="${c}" stroke-width="4" stroke-dasharray="5 4"/>`,
  diamond: (c) => `<path d="M16 0L32 16L16 32L0 16z" fill="${c}"/>`,
  hollow_diamond: (c) => `<path d="M16 3L29 16L16 29L3 16z" fill="none" stroke="${c}" stroke-width="4"/>`,
  hourglass: (c) => `<path d="M7 3h18L16 16zM7 29h18L16 16z" fill="${c}"/>`,
  dots: (c) => `<g fill="${c}"><circle cx="5" cy="16" r="4"/><circle cx="16" cy="16" r="4"/><circle cx="27" cy="16" r="4"/></g>`,
  slash: (c) => `<circle cx="16" cy="16" r="12" fill="none" stroke="${c}" stroke-width="4"/><path d="M8 24L24 8" stroke="${c}" stroke-width="4"/>`,
};

// What stands in a filled shape when there is nothing to count.
const ICON_MARKS: Partial<Record<Shape, string>> = {
  cross: '<path d="M10 10l12 12M22 10L10 22" stroke="#fff" stroke-width="4"/>',
  triangle: '<path d="M16 12v8M16 23v4" stroke="#fff" stroke-width="4"/>',
};

export function iconSvg({ icon, count }: Pick<Tab, "icon" | "count">): string {
  const colour = ICON_COLOURS[icon.tone];
  const filled = icon.shape === "diamond" || icon.shape === "cross" || icon.shape === "triangle";
  const digit = count > 9 ? "9+" : String(count);
  const text = count
    ? `<text x="16" y="${icon.shape === "triangle" ? 26 : 22}" font-family="sans-serif" font-weight="bold" ` +
      `font-size="${digit.length > 1 ? 14 : 18}" text-anchor="middle" fill="${filled ? "#fff" : colour}">${digit}</text>`
    : (ICON_MARKS[icon.shape] ?? "");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ICON_SHAPES[icon.shape](colour)}${text}</svg>`;
}

export function showTab(tab: Tab): void {
  if (document.title !== tab.title) document.title = tab.title;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const address = `data:image/svg+xml,${encodeURIComponent(iconSvg(tab))}`;
  if (link && link.getAttribute("href") !== address) link.setAttribute("href", address);
}
