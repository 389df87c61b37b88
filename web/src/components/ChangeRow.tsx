// One change: what it is, what was said of it, what it did, and a form to say it better.
import { useState } from "preact/hooks";
import type { JSX } from "preact";

import type { Change } from "../api/types";
import { AMENDABLE, type ChangesModel, KIND_WORDS, amendmentOf, judgeable } from "../models/changesModel";
import { formatClock, shortVersions } from "../models/format";
import { mayAmend } from "../models/session";
import { verdictLook } from "../models/states";
import { StateMark } from "./StateMark";
import { Version } from "./VerdictBanner";

interface ChangeRowProps {
  change: Change;
  model: ChangesModel;
  now: number | null;
}

export function ChangeRow({ change, model, now }: ChangeRowProps): JSX.Element {
  const [amending, setAmending] = useState(false);
  const name = change.title || KIND_WORDS[change.kind];
  return (
    <article class="change" aria-label={name}>
      <p class="change-when">
        <time dateTime={change.at}>{clock(change.at, now)}</time>
        <span class="change-kind">{KIND_WORDS[change.kind]}</span>
      </p>
      <div class="change-what">
        <h2>{change.url === "" ? name : <a href={change.url} rel="noreferrer">{name}</a>}</h2>
        <Versions change={change} />
        <Said change={change} now={now} />
        {change.id !== null && mayAmend.value && !amending && (
          <button type="button" aria-label={`Amend ${name}`} onClick={() => setAmending(true)}>
            Amend
          </button>
        )}
        {change.id !== null && amending && <AmendForm change={change} id={change.id} model={model} onDone={() => setAmending(false)} />}
      </div>
      <Outcome change={change} model={model} />
    </article>
  );
}

function clock(at: string, now: number | null): string {
  return formatClock(at, now ?? Date.parse(at));
}

function Versions({ change }: { change: Change }): JSX.Element | null {
  if (change.to_version === null) return null;
  return (
    <p class="versions">
      {change.from_version !== null && (
        <>
          <Version name={change.from_version} />
          <span class="arrow" aria-label="to">
            →
          </span>
        </>
      )}
      <Version name={change.to_version} />
    </p>
  );
}

function Said({ change, now }: { change: Change; now: number | null }): JSX.Element {
  const said = [
    ["Owner", change.owner],
    ["Expected", change.expected],
    ["Rollback", shortVersions(change.rollback)],
  ].filter(([, text]) => text !== "");
  return (
    <>
      {said.length > 0 && (
        <dl class="change-said">
          {said.map(([word, text]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      )}
      <p class="change-source">
        {change.first_seen_at === null ? "not seen, announced" : change.announced_at === null ? "seen, not announced" : "seen, announced"}
        {change.announced_at !== null && ` ${clock(change.announced_at, now)}`}
        {change.amended_at !== null && `, amended ${clock(change.amended_at, now)}`}
      </p>
    </>
  );
}

function Outcome({ change, model }: { change: Change; model: ChangesModel }): JSX.Element {
  const version = judgeable(change);
  if (version === null) return <p class="change-outcome">{change.kind === "deployment" ? "nothing to compare it with" : "not judged by itself"}</p>;
  const known = model.verdicts.value.get(version);
  if (known === undefined) {
    return (
      <p class="change-outcome">
        <button type="button" onClick={() => model.judge(version)}>
          What did it do?
        </button>
      </p>
    );
  }
  if (known.state === "asking") return <p class="change-outcome" role="status">Judging…</p>;
  if (known.state === "none") return <p class="change-outcome" role="status">No verdict: {known.reason}.</p>;
  const { shape, tone } = verdictLook(known.verdict.state);
  return (
    <div class={`change-outcome tone-${tone}`} role="status">
      <p class="change-verdict">
        <StateMark shape={shape} />
        <b>{known.verdict.title}</b>
      </p>
      <p>{shortVersions(known.verdict.sentence)}</p>
    </div>
  );
}

interface AmendFormProps {
  change: Change;
  id: number;
  model: ChangesModel;
  onDone: () => void;
}

function AmendForm({ change, id, model, onDone }: AmendFormProps): JSX.Element {
  const [problem, setProblem] = useState("");
  const [saving, setSaving] = useState(false);

  async function save(form: HTMLFormElement): Promise<void> {
    const written = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    setSaving(true);
    try {
      await model.amend(id, amendmentOf(change, written));
      onDone();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setSaving(false);
    }
  }

  return (
    <form
      class="amend-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save(event.currentTarget);
      }}
    >
      {AMENDABLE.map(({ name, label, required }) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={change[name]} required={required} autocomplete="off" />
        </label>
      ))}
      {problem !== "" && <p role="alert">Not kept: {problem}.</p>}
      <p class="amend-buttons">
        <button type="submit" disabled={saving}>
          Keep
        </button>
        <button type="button" onClick={onDone}>
          Cancel
        </button>
      </p>
    </form>
  );
}
