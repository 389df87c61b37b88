// Says that what is shown is not fresh, since when, and when the page tries again.
import type { JSX } from "preact";

import type { Api } from "../api/client";
import { ticks } from "../models/clock";
import { formatAge, formatDuration } from "../models/format";
import type { Poller } from "../models/poller";
import { askSession } from "../models/session";
import { TokenForm } from "./TokenForm";

const WORDS = {
  away: "The server is not answering",
  slow: "The server is not answering in time",
  unknown: "The server does not know who asks",
  refused: "The server does not let this page in",
  broken: "The server answered with an error",
  missing: "The server does not know this address",
} as const;

interface ConnectionBannerProps {
  poller: Poller<unknown>;
  api: Pick<Api, "logIn" | "session">;
}

export function ConnectionBanner({ poller, api }: ConnectionBannerProps): JSX.Element | null {
  const failure = poller.failure.value;
  if (!failure) return null;
  if (failure.kind === "unknown") {
    return (
      <section class="away-banner" aria-label="Log in">
        <p>
          <b>This server lets in only who shows a token.</b>
        </p>
        <TokenForm
          api={api}
          onDone={() => {
            void askSession(api);
            poller.tryNow();
          }}
        />
      </section>
    );
  }
  const now = ticks.value;
  const received = poller.receivedAt.value;
  const next = poller.nextTryAt.value;
  return (
    <div class="away-banner" role="alert">
      <p>
        <span aria-hidden="true">⚠ </span>
        <b>{WORDS[failure.kind]}</b>: {failure.message}.{" "}
        {received === null ? "Nothing has been received yet." : `What is shown was received ${formatAge((now - received) / 1000)}.`}
      </p>
      {/* A countdown in an alert would be read aloud every second. */}
      <p class="away-next" aria-hidden="true">
        {next !== null && next > now ? `next try in ${formatDuration(Math.ceil((next - now) / 1000))}` : "trying now"}
      </p>
      <button type="button" onClick={poller.tryNow}>
        Try now
      </button>
    </div>
  );
}
