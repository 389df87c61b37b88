import type { JSX } from "preact";

import type { Answer } from "../api/types";
import { answerLook } from "../models/states";
import { Age } from "./Age";
import { StateMark } from "./StateMark";

// "Not enough traffic yet" is as much an answer as "Up": smaller rather than cut.
const LONG_WORD = 16;
// What fits in one line; a longer detail takes the line of the usual range when there is none.
const LONG_DETAIL = 40;

interface AnswerCardProps {
  answer: Answer;
  dataAt: string | null;
  now: number | null;
}

export function AnswerCard({ answer, dataAt, now }: AnswerCardProps): JSX.Element {
  const { shape, tone } = answerLook(answer.state);
  const age = <Age at={dataAt} now={now} />;
  return (
    <article class={`card tone-${tone}`} aria-label={`${answer.question} ${answer.word}`}>
      <h3 class="card-question">{answer.question}</h3>
      <p class="card-state">
        <StateMark shape={shape} />
        <span class={answer.word.length > LONG_WORD ? "card-word card-word-long" : "card-word"}>{answer.word}</span>
      </p>
      {answer.usual === "" && answer.detail.length > LONG_DETAIL ? (
        <p class="card-foot">
          <span class="card-detail card-detail-long" title={answer.detail}>
            {answer.detail}
          </span>
          {age}
        </p>
      ) : (
        <>
          <p class="card-detail" title={answer.detail}>
            {answer.detail}
          </p>
          <p class="card-foot">
            <span class="card-usual" title={answer.usual}>
              {answer.usual}
            </span>
            {age}
          </p>
        </>
      )}
    </article>
  );
}
