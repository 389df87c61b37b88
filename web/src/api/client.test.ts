import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { TIME_LIMIT_MS, getJson, httpApi } from "./client";

const fetchMock = vi.fn<typeof fetch>();
const never = new AbortController().signal;

beforeEach(() => {
  fetchMock.mockReset();
  vi.stubGlobal("fetch", fetchMock);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function answer(status: number, body: unknown): void {
  fetchMock.mockImplementation(() => Promise.resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status })));
}

test("names stand percent-encoded in the path and in the query", async () => {
  answer(200, {});
  await httpApi.status("a/b", "ü x", never);
  await httpApi.series("a", "b", { subject: "POST /orders request", field: "items[].price", statistic: "value", minutes: 60 }, never);
  const paths = fetchMock.mock.calls.map(([path]) => path);
  expect(paths[0]).toBe("/api/v1/services/a%2Fb/%C3%BC%20x/status");
  expect(paths[1]).toBe(
    "/api/v1/services/a/b/series?subject=POST+%2Forders+request&field=items%5B%5D.price&statistic=value&minutes=60",
  );
});

test.for([
  [404, { title: "Not found", status: 404, detail: "looked for it" }, "missing", "looked for it"],
  [401, { title: "Token", status: 401, detail: "a token is needed" }, "unknown", "a token is needed"],
  [403, "<html>", "refused", "/x answered 403"],
  [500, "", "broken", "/x answered 500"],
  [503, { detail: 3 }, "broken", "/x answered 503"],
  [200, "<html>", "broken", "the answer of /x is not JSON"],
] as const)("an answer of %i becomes a failure with a reason", async ([status, body, kind, message]) => {
  answer(status, body);
  await expect(getJson("/x", never)).rejects.toMatchObject({ kind, message });
});

test("no connection is a failure of its own", async () => {
  fetchMock.mockRejectedValue(new TypeError("Failed to fetch"));
  await expect(getJson("/x", never)).rejects.toMatchObject({ kind: "away" });
});

test("a server that hangs is given up after the time limit", async () => {
  const limit = new AbortController();
  const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(limit.signal);
  fetchMock.mockImplementation(
    (_, init) => new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason))),
  );
  const asked = getJson("/x", never);
  limit.abort(new DOMException("over", "TimeoutError"));
  await expect(asked).rejects.toMatchObject({ kind: "slow" });
  expect(timeout).toHaveBeenCalledWith(TIME_LIMIT_MS);
  timeout.mockRestore();
});

test("an abort of ours is no failure of the server", async () => {
  const abort = new AbortController();
  fetchMock.mockImplementation(
    (_, init) => new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason))),
  );
  const asked = getJson("/x", abort.signal);
  abort.abort();
  await expect(asked).rejects.toMatchObject({ name: "AbortError" });
});
