// `npm run dev` without a server: vite answers the API from the fixtures.
import type { Plugin } from "vite";

type Replies = typeof import("../src/fixtures/replies");

export function fixturePlugin(): Plugin {
  return {
    name: "fieldmark-fixtures",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        if (!request.url?.startsWith("/api/")) {
          next();
          return;
        }
        const { replyTo } = (await server.ssrLoadModule("/src/fixtures/replies.ts")) as Replies;
        const { status, body } = replyTo(request.url);
        response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
        response.end(JSON.stringify(body));
      });
    },
  };
}
