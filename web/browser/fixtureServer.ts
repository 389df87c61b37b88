// A server for the browser tests: the built page, the API from the fixtures, and the header that the real one sends.
// It can be told to go away, so that the page's manners then can be watched.
import { readFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

import { type Scenario, replyTo } from "../src/fixtures/replies";

// The server's own (server/api/page.cc): no inline script, no inline style, nothing from elsewhere.
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface FixtureServer {
  readonly address: string;
  readonly requests: string[];
  scenario: Scenario;
  // While true, the API gives no answer at all.
  away: boolean;
  close(): Promise<void>;
}

export async function startFixtureServer(pageFolder: string): Promise<FixtureServer> {
  const requests: string[] = [];
  const state = { scenario: "full" as Scenario, away: false };
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    requests.push(path);
    if (path.startsWith("/api/")) {
      if (state.away) {
        request.socket.destroy();
        return;
      }
      const { status, body } = replyTo(path, state.scenario);
      response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
      response.end(JSON.stringify(body));
      return;
    }
    void fileOf(pageFolder, path).then(({ body, type }) => {
      response.writeHead(200, { "content-type": type, "content-security-policy": CONTENT_SECURITY_POLICY });
      response.end(body);
    });
  });
  await listen(server);
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get scenario() {
      return state.scenario;
    },
    set scenario(scenario) {
      state.scenario = scenario;
    },
    get away() {
      return state.away;
    },
    set away(away) {
      state.away = away;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

// The file, or the page for every address that the page itself knows what to do with.
async function fileOf(folder: string, path: string): Promise<{ body: Buffer; type: string }> {
  const name = normalize(new URL(path, "http://fixture.invalid").pathname).slice(1);
  const type = TYPES[extname(name)];
  if (type) {
    try {
      return { body: await readFile(join(folder, name)), type };
    } catch {
      // Not a file of the page.
    }
  }
  return { body: await readFile(join(folder, "index.html")), type: TYPES[".html"] ?? "" };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
}
