// Reads the server's HTTP API. Every call ends: with an answer, or with an ApiFailure that says why not.
import type { SeriesQuery, SeriesReply, ServiceList, Status } from "./types";

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

export interface Api {
  services(abort: AbortSignal): Promise<ServiceList>;
  status(service: string, environment: string, abort: AbortSignal): Promise<Status>;
  series(service: string, environment: string, query: SeriesQuery, abort: AbortSignal): Promise<SeriesReply>;
  // Opens a session, which the browser keeps in a cookie that no script sees.
  logIn(token: string): Promise<void>;
}

export const httpApi: Api = {
  services: (abort) => getJson("/api/v1/services", abort),
  status: (service, environment, abort) => getJson(`${servicePath(service, environment)}/status`, abort),
  series: (service, environment, query, abort) => {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
    return getJson(`${servicePath(service, environment)}/series?${parameters}`, abort);
  },
  logIn: async (token) => {
    const path = "/api/v1/session";
    const response = await fetch(path, {
      method: "POST",
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => {
      throw new ApiFailure("away", "nothing answers at the server's address");
    });
    if (!response.ok) throw await failureOf(response, path);
  },
};

function servicePath(service: string, environment: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/${encodeURIComponent(environment)}`;
}

// Rejects with an ApiFailure; when `abort` fires, with that signal's reason.
export async function getJson<T>(path: string, abort: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  try {
    const response = await fetch(path, {
      signal: AbortSignal.any([abort, limit]),
      headers: { accept: "application/json" },
      cache: "no-store",
    });
    if (!response.ok) throw await failureOf(response, path);
    return await bodyOf<T>(response, path);
  } catch (error) {
    if (error instanceof ApiFailure || abort.aborted) throw error;
    if (limit.aborted) throw new ApiFailure("slow", `no answer within ${TIME_LIMIT_MS / 1000} s`);
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
