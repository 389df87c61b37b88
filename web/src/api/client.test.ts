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

test("an answer that is the same is not sent again, and tells the new time", async () => {
  const asked = "2026-02-02T12:00:00Z";
  fetchMock.mockImplementationOnce(() =>
    Promise.resolve(new Response(JSON.stringify({ server_time: asked, services: [1] }), { headers: { etag: 'W/"1"' } })),
  );
  await getJson("/same", never);
  fetchMock.mockImplementationOnce(() =>
    Promise.resolve(new Response(null, { status: 304, headers: { date: "Mon, 02 Feb 2026 12:00:05 GMT" } })),
  );
  expect(await getJson("/same", never)).toEqual({ server_time: "2026-02-02T12:00:05.000Z", services: [1] });
  expect(fetchMock.mock.calls[0]?.[1]?.headers).not.toHaveProperty("if-none-match");
  expect(fetchMock.mock.calls[1]?.[1]?.headers).toHaveProperty("if-none-match", 'W/"1"');
  answer(200, { other: true });
  expect(await getJson("/same", never)).toEqual({ other: true });
});

test("a list is read to its last page", async () => {
  const pages = [
    { services: ["a", "b"], next: "6162", total: 3, notices: [] },
    { services: ["c"], next: null, total: 3, notices: [] },
  ];
  fetchMock.mockImplementation((path) =>
    Promise.resolve(new Response(JSON.stringify(String(path).includes("cursor=6162") ? pages[1] : pages[0]))),
  );
  expect((await httpApi.services(never)).services).toEqual(["a", "b", "c"]);
  expect(fetchMock).toHaveBeenCalledTimes(2);
});

test("logging out ends the session", async () => {
  fetchMock.mockImplementation(() => Promise.resolve(new Response(null, { status: 204 })));
  await httpApi.logOut();
  expect(fetchMock.mock.calls[0]).toMatchObject(["/api/v1/session", { method: "DELETE" }]);
});
