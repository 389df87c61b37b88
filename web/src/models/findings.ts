// A finding in words: what, from → to, since, on how many. Built from its parts rather than from the server's sentence,
// so that the figures line up; the times are those of the sentence (UTC).
import type { Finding, Verdict } from "../api/types";
import { formatClock, formatCount, formatValue } from "./format";

// More rows than anybody reads, few enough to draw at once.
export const SHOWN_AT_FIRST = 50;

// What is logged is a share of the time watched, counted in stretches (fieldmark/judge/event_signals.h).
const OF_THE_TIME = "of the time";
const STRETCH_S = 5;

export interface FindingText {
  what: string; // "customer.phone null"
  where: string; // "POST /orders response 2xx and 2 more"
  from: string;
  to: string;
  since: string; // "since 14:02" or "since 14:02–14:05"
  observed: string; // "n 4 310 → 512"
  qualifier: string | null;
}

// What moved, without its subject: "customer.phone null", "latency", "status mix: paid".
export function findingName({ field, statistic, category }: Pick<Finding, "field" | "statistic" | "category">): string {
  const name = field === "" ? statistic : `${field} ${statistic}`;
  return category === null ? name : `${name}: ${category}`;
}

// Rates are shares, and so is the weight of a value in a mix.
export function isShare({ kind }: Pick<Finding, "kind">): boolean {
  return kind === "rate" || kind === "mix";
}

export function findingText(finding: Finding, nowMs: number): FindingText {
  const share = isShare(finding);
  return {
    what: findingName(finding),
    where: finding.also.length === 0 ? finding.subject : `${finding.subject} and ${finding.also.length} more`,
    from: formatValue(finding.from, finding.unit, share),
    to: formatValue(finding.to, finding.unit, share),
    since: sinceText(finding.since, nowMs),
    observed:
      finding.unit === OF_THE_TIME
        ? `in ${formatCount(Math.round((finding.n_after * STRETCH_S) / 60))} min watched`
        : `n ${formatCount(finding.n_before)} → ${formatCount(finding.n_after)}`,
    qualifier: finding.qualifier === "" ? null : finding.qualifier,
  };
}

// The finding as one sentence, for those who listen to the page.
export function findingSentence(finding: Finding, nowMs: number): string {
  const text = findingText(finding, nowMs);
  const values = finding.from === null && finding.to === null ? "" : `, ${text.from} to ${text.to}`;
  const qualifier = text.qualifier ? `, ${text.qualifier}` : "";
  return (
    `${finding.state === "changed" ? "Changed" : "Suspected"}, ${finding.direction}: ${text.where} ${text.what}${values}, ` +
    `${text.since}, ${formatCount(finding.n_after)} observations after and ${formatCount(finding.n_before)} before${qualifier}`
  );
}

// Before the first look nothing was judged, counted out or found incomparable.
export function isTooEarly(verdict: Verdict): boolean {
  return verdict.judged + verdict.not_enough + verdict.cannot_compare === 0 && verdict.findings.length === 0;
}

export interface FindingCounts {
  changed: number;
  suspected: number;
}

export function countFindings(verdict: Verdict | null): FindingCounts {
  let changed = 0;
  for (const finding of verdict?.findings ?? []) if (finding.state === "changed") changed += 1;
  return { changed, suspected: (verdict?.findings.length ?? 0) - changed };
}

// "3 changed, 1 suspected"; empty when there are none.
export function countsText({ changed, suspected }: FindingCounts): string {
  const parts = [];
  if (changed) parts.push(`${formatCount(changed)} changed`);
  if (suspected) parts.push(`${formatCount(suspected)} suspected`);
  return parts.join(", ");
}

function sinceText([first, last]: readonly string[], nowMs: number): string {
  const from = formatClock(first ?? "", nowMs);
  const to = formatClock(last ?? "", nowMs);
  if (from === to) return `since ${from}`;
  const sameDay = first?.slice(0, 10) === last?.slice(0, 10);
  return `since ${from}–${sameDay ? to.slice(-5) : to}`;
}
