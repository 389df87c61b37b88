import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createFixtureApi } from "../fixtures/fixtureApi";
import { badVerdict } from "../fixtures/orders";
import { createChangesModel } from "./changesModel";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a verdict that is being made is asked for until it is there", async () => {
  const api = createFixtureApi();
  const answers = [{ ...badVerdict, state: "judging" as const, title: "Judging" }, badVerdict];
  const asked = vi.spyOn(api, "verdict").mockImplementation(() => Promise.resolve(answers.shift() ?? badVerdict));
  const model = createChangesModel("orders", "production", api);
  model.judge("9f2c1ab");
  await vi.advanceTimersByTimeAsync(0);
  expect(model.verdicts.value.get("9f2c1ab")).toEqual({ state: "asking" });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(model.verdicts.value.get("9f2c1ab")).toEqual({ state: "ready", verdict: badVerdict });
  expect(asked).toHaveBeenCalledTimes(2);
  model.stop();
});
