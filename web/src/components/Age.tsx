// How old data is, ticking. Old data says so in words and with a mark.
import type { JSX } from "preact";

import { secondsBetween } from "../models/clock";
import { formatAge, formatClock } from "../models/format";

// Workers send every few seconds, idle ones too: two minutes of silence are not normal.
export const OLD_AFTER_S = 120;

interface AgeProps {
  at: string | null;
  now: number | null;
  label?: string;
}

export function Age({ at, now, label = "" }: AgeProps): JSX.Element {
  const seconds = secondsBetween(at, now);
  if (at === null || seconds === null || now === null) return <span class="age age-old">{label ? "no data yet" : "–"}</span>;
  const old = seconds >= OLD_AFTER_S;
  return (
    <time class={old ? "age age-old" : "age"} dateTime={at} title={`${formatClock(at, now)} UTC`}>
      {old && <span aria-hidden="true">⚠ </span>}
      {label && `${label} `}
      {formatAge(seconds)}
    </time>
  );
}
