// What the newest change did: the verdict in words, from which version to which, and when.
import type { JSX } from "preact";

import type { Change, Status, Verdict } from "../api/types";
import { changeName } from "../models/chartModel";
import { secondsBetween } from "../models/clock";
import { countFindings, countsText, isTooEarly } from "../models/findings";
import { formatAge, formatClock, formatDuration, formatVersion } from "../models/format";
import { verdictLook } from "../models/states";
import { StateMark } from "./StateMark";

interface VerdictBannerProps {
  status: Status;
  now: number;
}

export function VerdictBanner({ status, now }: VerdictBannerProps): JSX.Element {
  const { verdict } = status;
  if (!verdict) {
    return (
      <section class="verdict tone-quiet" aria-labelledby="verdict-title">
        <StateMark shape="slash" />
        <div class="verdict-words">
          <h2 id="verdict-title">No change yet</h2>
          <p>
            Only version <Version name={status.version} /> has been seen. The next one will be compared with it.
          </p>
        </div>
      </section>
    );
  }
  const { shape, tone } = verdictLook(verdict.state);
  return (
    <section class={`verdict tone-${tone}`} aria-labelledby="verdict-title">
      <StateMark shape={shape} />
      <div class="verdict-words">
        <h2 id="verdict-title">{verdict.title}</h2>
        <p title={verdict.sentence}>{verdict.sentence}</p>
        {verdict.moments && <p class="moments">{verdict.moments.sentence}</p>}
      </div>
      <VerdictTimes verdict={verdict} now={now} />
      <p class="unseen" role="status">
        {announcement(verdict)}
      </p>
    </section>
  );
}

function VerdictTimes({ verdict, now }: { verdict: Verdict; now: number }): JSX.Element {
  const { change, looked_at, look_s, next_look_at } = verdict;
  const age = secondsBetween(change.at, now) ?? 0;
  return (
    <div class="verdict-times">
      <p class="versions">
        {change.from_version === null ? <em>no earlier version</em> : <Version name={change.from_version} />}
        <span class="arrow" aria-label="to">
          →
        </span>
        <Version name={change.to_version ?? ""} />
      </p>
      <p>
        first seen <b>{formatClock(change.at, now)}</b>, {formatAge(age)}
        <Announced change={change} />
        {change.last_old_at !== null && <> · old version last seen {formatClock(change.last_old_at, now)}</>}
      </p>
      <p>
        {verdict.state === "judging" ? "being judged" : isTooEarly(verdict) ? "not looked at yet" : `judged on its first ${formatDuration(look_s)}, at ${formatClock(looked_at, now)}`}
        {next_look_at === null ? " · last look" : ` · next look ${formatClock(next_look_at, now)}`}
      </p>
    </div>
  );
}

// What was said of it, with the way to more.
function Announced({ change }: { change: Change }): JSX.Element | null {
  if (change.title === "") return null;
  const words = change.owner === "" ? change.title : `${change.title}, ${change.owner}`;
  return (
    <>
      {" · "}
      {change.url === "" ? words : <a href={change.url} rel="noreferrer">{words}</a>}
    </>
  );
}

export function Version({ name }: { name: string }): JSX.Element {
  return (
    <code class="version" title={name}>
      {formatVersion(name)}
    </code>
  );
}

// Read aloud when it differs from the one before: no times in it, which would make every look an announcement.
function announcement(verdict: Verdict): string {
  const counts = countsText(countFindings(verdict));
  return `Version ${changeName(verdict.change)}: ${verdict.title}${counts ? `, ${counts}` : ""}`;
}
