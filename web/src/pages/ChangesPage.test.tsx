import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type FixtureApi, createFixtureApi } from "../fixtures/fixtureApi";
import { type ChangesModel, createChangesModel } from "../models/changesModel";
import { mayAmend } from "../models/session";
import { ChangesScreen } from "./ChangesPage";

let api: FixtureApi;
let root: HTMLElement;
let model: ChangesModel;

beforeEach(() => {
  vi.useFakeTimers();
  api = createFixtureApi();
  root = document.createElement("div");
  document.body.append(root);
  mayAmend.value = true;
});
afterEach(() => {
  model.stop();
  render(null, root);
  root.remove();
  vi.useRealTimers();
});

async function settle(milliseconds = 0): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });
}

async function show(environment = "production"): Promise<void> {
  model = createChangesModel("orders", environment, api);
  await act(() => {
    render(<ChangesScreen model={model} />, root);
    model.start();
  });
  await settle();
}

function rows(): string[] {
  return [...root.querySelectorAll(".change")].map((row) => (row as HTMLElement).textContent ?? "");
}

async function press(name: string): Promise<void> {
  const button = [...root.querySelectorAll("button")].find((one) => (one.getAttribute("aria-label") ?? one.textContent) === name);
  if (!button) throw new Error(`no button ${name} in ${root.textContent}`);
  await act(() => button.click());
  await settle();
}

test("each change says what, who, when and what it did, newest first", async () => {
  await show();
  const [announced, migration, seen, first] = rows();
  expect(rows()).toHaveLength(4);
  for (const text of ["02:55", "Deployment", "Phone numbers from the new form", "c41d9e0", "9f2c1ab", "ada", "go back to c41d9e0"])
    expect(announced).toContain(text);
  expect(announced).toContain("seen, announced 02:54");
  expect(announced).toContain("Changed");
  expect(migration).toContain("not seen, announced 02:41, amended 02:47");
  expect(migration).toContain("alembic downgrade -1");
  expect(migration).toContain("not judged by itself");
  expect(seen).toContain("seen, not announced");
  expect(first).toContain("21 Nov");
  expect(first).toContain("nothing to compare it with");
  expect(document.title).toBe("4 changes of orders production · Fieldmark");
  expect(root.querySelector(".service-name a")?.getAttribute("href")).toBe("/s/orders/production");
});

test("what an earlier deployment did is asked for by whoever wants to know", async () => {
  await show();
  expect(api.asked.filter((path) => path.includes("/verdict"))).toEqual([]);
  await press("What did it do?");
  expect(api.asked.filter((path) => path.includes("/verdict"))).toHaveLength(1);
  expect(rows()[2]).toContain("No change seen");
});

test("only what was written anew is sent", async () => {
  await show();
  await press("Amend Phone numbers from the new form");
  const field = (name: string): HTMLInputElement => root.querySelector(`input[name=${name}]`) as HTMLInputElement;
  expect(field("rollback").value).toContain("go back to");
  field("owner").value = " grace ";
  field("expected").value = "";
  await act(() => root.querySelector("form")?.requestSubmit());
  await settle();
  expect(api.amended).toEqual([[3, { owner: "grace", expected: "" }]]);
  expect(root.querySelector("form")).toBeNull();
  expect(api.asked.filter((path) => path.endsWith("/changes"))).toHaveLength(2);
});

test("what the server does not keep stays in the form, with why", async () => {
  await show();
  api.refusal = "this token is for reading alone";
  await press("Amend orders.total becomes numeric(12, 2)");
  await act(() => root.querySelector("form")?.requestSubmit());
  await settle();
  expect(root.querySelector("form [role=alert]")?.textContent).toBe("Not kept: this token is for reading alone.");
});

test("who may not change anything is offered nothing to change", async () => {
  mayAmend.value = false;
  await show();
  expect(root.textContent).not.toContain("Amend");
});

test("a service without changes says how they come to be here", async () => {
  await show("staging");
  expect(root.textContent).toContain("none yet");
  expect(root.textContent).toContain("fieldmark change");
});
