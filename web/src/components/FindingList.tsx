// The findings, worst first, each a button that charts its signal.
import { useMemo, useState } from "preact/hooks";
import type { JSX, TargetedKeyboardEvent } from "preact";

import type { Finding, NewError, Verdict } from "../api/types";
import { SHOWN_AT_FIRST, countFindings, countsText, findingSentence, findingText, isTooEarly } from "../models/findings";
import { formatClock, formatCount, formatShare, shortName, shortVersions } from "../models/format";
import { DIRECTION_MARKS, FINDING_WORDS, verdictLook } from "../models/states";
import { StateMark } from "./StateMark";

interface FindingListProps {
  verdict: Verdict | null;
  selected: Finding | null;
  now: number;
  onSelect: (finding: Finding) => void;
}

const NONE: Finding[] = [];

export function FindingList({ verdict, selected, now, onSelect }: FindingListProps): JSX.Element {
  const [all, setAll] = useState(false);
  const findings = verdict?.findings ?? NONE;
  const shown = useMemo(() => (all ? findings : findings.slice(0, SHOWN_AT_FIRST)), [findings, all]);
  const counts = countsText(countFindings(verdict));
  const rollback = verdict?.change.rollback ?? "";
  // Thousands of rows are not drawn again for each second that passes: their times are good to the minute.
  const selectedSignal = selected?.signal;
  const minute = Math.floor(now / 60_000) * 60_000;
  const rows = useMemo(
    () =>
      shown.map((finding, index) => (
        <li key={finding.signal}>
          <FindingRow finding={finding} now={minute} selected={finding.signal === selectedSignal} onSelect={onSelect} />
          {index === 0 && rollback !== "" && <Rollback advice={rollback} />}
        </li>
      )),
    [shown, rollback, minute, selectedSignal, onSelect],
  );
  return (
    <section class="findings panel" aria-labelledby="findings-title">
      <header class="panel-head">
        <h2 id="findings-title">Findings</h2>
        <p>{counts || "none"}</p>
      </header>
      {findings.length === 0 ? (
        <div class="findings-scroll">
          <NoFindings verdict={verdict} />
          <NewErrors errors={verdict?.new_errors ?? []} now={minute} />
        </div>
      ) : (
        <div class="findings-scroll">
          <ol class="finding-rows">{rows}</ol>
          {shown.length < findings.length && (
            <button type="button" class="show-all" onClick={() => setAll(true)}>
              Show all {formatCount(findings.length)} findings
            </button>
          )}
          <NewErrors errors={verdict?.new_errors ?? []} now={minute} />
        </div>
      )}
    </section>
  );
}

// What this version logs or raises and no earlier one did, the commonest first.
function NewErrors({ errors, now }: { errors: NewError[]; now: number }): JSX.Element | null {
  if (errors.length === 0) return null;
  return (
    <section class="new-errors" aria-labelledby="new-errors-title">
      <h3 id="new-errors-title">Errors since this version</h3>
      <ol>
        {errors.map((error) => (
          <li key={`${error.subject} ${error.kind}`}>
            <b>{formatCount(error.count)} ×</b> <span class="new-error-kind">{error.kind}</span>{" "}
            <span class="finding-facts">
              {error.subject} · first at {formatClock(error.first_seen_at, now)}
              <Trace traces={error.traces} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

// One such request, for whoever has its trace elsewhere.
function Trace({ traces }: { traces: string[] }): JSX.Element | null {
  if (traces.length === 0) return null;
  return (
    <span title={traces.join("\n")}>
      {" "}
      · trace <code>{traces[0]}</code>
    </span>
  );
}

function Rollback({ advice }: { advice: string }): JSX.Element {
  return (
    <p class="rollback" title={advice}>
      <span class="rollback-mark" aria-hidden="true">
        ↩
      </span>
      <b>Rollback:</b> {shortVersions(advice)}
    </p>
  );
}

interface FindingRowProps {
  finding: Finding;
  now: number;
  selected: boolean;
  onSelect: (finding: Finding) => void;
}

function FindingRow({ finding, now, selected, onSelect }: FindingRowProps): JSX.Element {
  const text = findingText(finding, now);
  const look = verdictLook(finding.state);
  const direction = DIRECTION_MARKS[finding.direction];
  return (
    <button
      type="button"
      class="finding"
      aria-pressed={selected}
      aria-label={findingSentence(finding, now)}
      title={finding.sentence}
      onClick={() => onSelect(finding)}
      onKeyDown={moveFocus}
    >
      <span class={`chip chip-${finding.state} tone-${look.tone}`}>
        <StateMark shape={look.shape} />
        {FINDING_WORDS[finding.state]}
      </span>
      <span class="finding-what">{shortName(text.what)}</span>
      <span class="finding-values">
        {finding.from === null && finding.to === null ? (
          <span class="finding-mix">other values than before</span>
        ) : (
          <>
            <span class="from">{text.from}</span> <span class="arrow">→</span> <b class="to">{text.to}</b>
          </>
        )}
      </span>
      <span class={`direction tone-${direction.tone}`}>
        <span aria-hidden="true">{direction.mark}</span> {direction.word}
      </span>
      <span class="finding-second">
        <span class="finding-where">{text.where}</span>{" "}
        <span class="finding-facts">
          {text.qualifier && <span class="qualifier">{text.qualifier} · </span>}
          {text.since} · {text.observed}
          {selected && <Trace traces={finding.traces} />}
        </span>
      </span>
    </button>
  );
}

// Silence is explained by what was looked at, never by a green tick alone.
function NoFindings({ verdict }: { verdict: Verdict | null }): JSX.Element {
  if (!verdict) return <p class="panel-empty">Findings appear here when a version is followed by another.</p>;
  if (verdict.state === "judging") return <p class="panel-empty">Findings appear here once the verdict is made.</p>;
  return (
    <>
      {!isTooEarly(verdict) && (
        <dl class="coverage">
          <Coverage word="judged" signals={verdict.judged} />
          <Coverage word="too quiet" signals={verdict.not_enough} />
          <Coverage word="not comparable" signals={verdict.cannot_compare} />
        </dl>
      )}
      <p class="panel-empty">
        {verdict.state === "no_change" ? (
          <>
            None of the signals that were judged moved. A shift of {formatShare(verdict.could_have_seen)} or more would have been seen in
            half of them.
          </>
        ) : (
          <>No finding does not mean that nothing changed: {verdict.title.toLowerCase()}.</>
        )}
      </p>
    </>
  );
}

function Coverage({ word, signals }: { word: string; signals: number }): JSX.Element {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{formatCount(signals)}</dd>
    </div>
  );
}

// Arrow keys walk the list, beside Tab.
function moveFocus(event: TargetedKeyboardEvent<HTMLButtonElement>): void {
  const list = event.currentTarget.closest("ol");
  const buttons = [...(list?.querySelectorAll<HTMLButtonElement>("button.finding") ?? [])];
  const at = buttons.indexOf(event.currentTarget);
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || target === undefined) return;
  event.preventDefault();
  buttons[Math.min(Math.max(target, 0), buttons.length - 1)]?.focus();
}
