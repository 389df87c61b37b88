// How each state of the contract looks: a shape of its own, so that colour is never the only difference, and a tone.
import type { AnswerState, Finding, StateCode } from "../api/types";

export type Tone = "good" | "attention" | "bad" | "quiet";
export type Shape = "check" | "triangle" | "cross" | "hollow" | "diamond" | "hollow_diamond" | "hourglass" | "slash" | "dots";

export interface Look {
  shape: Shape;
  tone: Tone;
}

export const ANSWER_LOOKS: Record<AnswerState, Look> = {
  good: { shape: "check", tone: "good" },
  attention: { shape: "triangle", tone: "attention" },
  bad: { shape: "cross", tone: "bad" },
  no_data: { shape: "hollow", tone: "quiet" },
};

export const VERDICT_LOOKS: Record<StateCode, Look> = {
  changed: { shape: "diamond", tone: "bad" },
  suspected: { shape: "hollow_diamond", tone: "attention" },
  no_change: { shape: "check", tone: "good" },
  not_enough: { shape: "hourglass", tone: "quiet" },
  cannot_compare: { shape: "slash", tone: "quiet" },
  judging: { shape: "dots", tone: "quiet" },
};

export const FINDING_WORDS: Record<Finding["state"], string> = { changed: "Changed", suspected: "Suspected" };

export const DIRECTION_MARKS: Record<Finding["direction"], { mark: string; word: string; tone: Tone }> = {
  worse: { mark: "▲", word: "worse", tone: "bad" },
  better: { mark: "▼", word: "better", tone: "good" },
  different: { mark: "◆", word: "different", tone: "quiet" },
};

// A state that the contract may gain later is shown as what it is not: good.
export function answerLook(state: AnswerState): Look {
  return ANSWER_LOOKS[state] ?? ANSWER_LOOKS.no_data;
}

export function verdictLook(state: StateCode): Look {
  return VERDICT_LOOKS[state] ?? VERDICT_LOOKS.cannot_compare;
}
