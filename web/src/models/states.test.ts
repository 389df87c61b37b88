import { expect, test } from "vitest";

import type { AnswerState, StateCode } from "../api/types";
import { ANSWER_LOOKS, VERDICT_LOOKS, answerLook, verdictLook } from "./states";

test.for([ANSWER_LOOKS, VERDICT_LOOKS])("every state of a family has a shape of its own", (looks) => {
  const shapes = Object.values(looks).map(({ shape }) => shape);
  expect(new Set(shapes).size).toBe(shapes.length);
});

test("silence is never green", () => {
  expect(ANSWER_LOOKS.no_data.tone).toBe("quiet");
  expect(VERDICT_LOOKS.not_enough.tone).toBe("quiet");
  expect(VERDICT_LOOKS.cannot_compare.tone).toBe("quiet");
  expect(VERDICT_LOOKS.judging.tone).toBe("quiet");
});

test("a state that this page does not know is not shown as good", () => {
  expect(answerLook("splendid" as AnswerState).tone).toBe("quiet");
  expect(verdictLook("splendid" as StateCode).tone).toBe("quiet");
});
