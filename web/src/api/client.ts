// Reads the server's HTTP API. Every call ends: with an answer, or with an ApiFailure that says why not.
import type { AmendedChange, Change, ChangeList, SeriesQuery, SeriesReply, ServiceList, Session, Status, Verdict } from "./types";

export type FailureKind =
  | "away" // no answer: the network, or nothing listens
  | "slow" // no answer within the time limit
  | "missing" // 404: the server does not know this service, or this signal
  | "unknown" // 401: a token is needed
  | "refused" // 403: not with this one
  | "broken"; // any other answer that is not the one of the contract

export class ApiFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    detail: string,
  ) {
    super(detail);
    this.name = "ApiFailure";
  }
}

// Below the polling period, so that requests do not pile up behind a server that hangs.
export const TIME_LIMIT_MS = 4000;
const JUDGED_WITHIN_MS = 30_000;

export interface Api {
  services(abort: AbortSignal): Promise<ServiceList>;
  status(service: string, environment: string, abort: AbortSignal): Promise<Status>;
  series(service: string, environment: string, query: SeriesQuery, abort: AbortSignal): Promise<SeriesReply>;
  // Newest first.
  changes(service: string, environment: string, abort: AbortSignal): Promise<Change[]>;
  // What the newest deployment of a version did.
  verdict(service: string, environment: string, version: string, abort: AbortSignal): Promise<Verdict>;
  // What is left out stays as it is.
  amendChange(service: string, environment: string, id: number, amended: AmendedChange): Promise<void>;
  // Who this browser is to the server.
  session(abort: AbortSignal): Promise<Session>;
  // Opens a session, which the browser keeps in a cookie that no script sees.
  logIn(token: string): Promise<void>;
  // Ends it.
  logOut(): Promise<void>;
}

const PAGE_ENTRIES = 500; // the most that the server gives at one time
const PAGES_MAX = 20;
const KNOWN_MAX = 50;
const SESSION = "/api/v1/session";

export const httpApi: Api = {
  services,
  status: (service, environment, abort) => getJson(`${servicePath(service, environment)}/status`, abort),
  series: (service, environment, query, abort) => {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
    return getJson(`${servicePath(service, environment)}/series?${parameters}`, abort);
  },
  changes,
  // One that was not asked for before is judged first, which takes its time.
  verdict: (service, environment, version, abort) =>
    getJson(`${servicePath(service, environment)}/verdict?${new URLSearchParams({ change: version })}`, abort, JUDGED_WITHIN_MS),
  amendChange: (service, environment, id, amended) =>
    send("PATCH", `${servicePath(service, environment)}/changes/${id}`, amended),
  session: (abort) => getJson(SESSION, abort),
  logIn: (token) => send("POST", SESSION, { token }),
  logOut: () => send("DELETE", SESSION),
};

async function send(method: string, path: string, body?: unknown): Promise<void> {
  const json = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...json, signal: AbortSignal.timeout(TIME_LIMIT_MS) }).catch(() => {
    throw new ApiFailure("away", "nothing answers at the server's address");
  });
  if (!response.ok) throw await failureOf(response, path);
}

async function changes(service: string, environment: string, abort: AbortSignal): Promise<Change[]> {
  const path = `${servicePath(service, environment)}/changes?limit=${PAGE_ENTRIES}`;
  let list = await getJson<ChangeList>(path, abort);
  const all = [...list.changes];
  for (let pages = 1; list.next !== null && pages < PAGES_MAX; pages += 1) {
    list = await getJson<ChangeList>(`${path}&cursor=${list.next}`, abort);
    all.push(...list.changes);
  }
  return all;
}

// All pages of the list, as one.
async function services(abort: AbortSignal): Promise<ServiceList> {
  const path = `/api/v1/services?limit=${PAGE_ENTRIES}`;
  const list = { ...(await getJson<ServiceList>(path, abort)) };
  for (let pages = 1; list.next !== null && pages < PAGES_MAX; pages += 1) {
    const more = await getJson<ServiceList>(`${path}&cursor=${list.next}`, abort);
    list.services = [...list.services, ...more.services];
    list.next = more.next;
  }
  return list;
}

function servicePath(service: string, environment: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/${encodeURIComponent(environment)}`;
}

// What was answered last, by path: a server that has nothing new says so instead of sending it again. It is kept here and
// not in the browser's cache, where it would outlive the log-out.
const known = new Map<string, { etag: string; body: unknown }>();

function remember(path: string, etag: string | null, body: unknown): void {
  known.delete(path);
  if (etag === null) return;
  const oldest = known.size >= KNOWN_MAX ? known.keys().next() : null;
  if (oldest && !oldest.done) known.delete(oldest.value);
  known.set(path, { etag, body });
}

// As it was, but for the time on the server's clock.
function again<T>(body: unknown, response: Response): T {
  const date = response.headers.get("date");
  const timed = date !== null && typeof body === "object" && body !== null && "server_time" in body;
  return (timed ? { ...body, server_time: new Date(date).toISOString() } : body) as T;
}

// Rejects with an ApiFailure; when `abort` fires, with that signal's reason.
export async function getJson<T>(path: string, abort: AbortSignal, withinMs: number = TIME_LIMIT_MS): Promise<T> {
  const limit = AbortSignal.timeout(withinMs);
  try {
    const before = known.get(path);
    const response = await fetch(path, {
      signal: AbortSignal.any([abort, limit]),
      headers: { accept: "application/json", ...(before && { "if-none-match": before.etag }) },
      cache: "no-store",
    });
    if (response.status === 304 && before) return again<T>(before.body, response);
    if (!response.ok) throw await failureOf(response, path);
    const body = await bodyOf<T>(response, path);
    remember(path, response.headers.get("etag"), body);
    return body;
  } catch (error) {
    if (error instanceof ApiFailure || abort.aborted) throw error;
    if (limit.aborted) throw new ApiFailure("slow", `no answer within ${withinMs / 1000} s`);
    throw new ApiFailure("away", "nothing answers at the server's address");
  }
}

async function bodyOf<T>(response: Response, path: string): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiFailure("broken", `the answer of ${path} is not JSON`);
  }
}

async function failureOf(response: Response, path: string): Promise<ApiFailure> {
  const detail = await problemDetail(response);
  const text = detail ?? `${path} answered ${response.status}`;
  if (response.status === 404) return new ApiFailure("missing", text);
  if (response.status === 401) return new ApiFailure("unknown", text);
  if (response.status === 403) return new ApiFailure("refused", text);
  return new ApiFailure("broken", text);
}

async function problemDetail(response: Response): Promise<string | null> {
  try {
    const problem: unknown = await response.json();
    if (typeof problem === "object" && problem !== null && "detail" in problem && typeof problem.detail === "string") {
      return problem.detail;
    }
  } catch {
    // A proxy's error page: the status says enough.
  }
  return null;
}
