import type { JSX } from "preact";

import type { Answer } from "../api/types";
import { answerLook } from "../models/states";
import { Age } from "./Age";
import { StateMark } from "./StateMark";

interface AnswerCardProps {
  answer: Answer;
  dataAt: string | null;
  now: number | null;
}

export function AnswerCard({ answer, dataAt, now }: AnswerCardProps): JSX.Element {
  const { shape, tone } = answerLook(answer.state);
  return (
    <article class={`card tone-${tone}`} aria-label={`${answer.question} ${answer.word}`}>
      <h3 class="card-question">{answer.question}</h3>
      <p class="card-state">
        <StateMark shape={shape} />
        <span class="card-word">{answer.word}</span>
      </p>
      <p class="card-detail" title={answer.detail}>
        {answer.detail}
      </p>
      <p class="card-foot">
        <span class="card-usual" title={answer.usual}>
          {answer.usual || "no history yet"}
        </span>
        <Age at={dataAt} now={now} />
      </p>
    </article>
  );
}
