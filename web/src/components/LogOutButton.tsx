// Ends the session of this browser, where it has one.
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { logOut, loggedIn } from "../models/session";

export function LogOutButton(): JSX.Element | null {
  const [problem, setProblem] = useState("");
  if (!loggedIn.value) return null;
  const end = (): void => {
    logOut().catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  };
  return (
    <span class="log-out">
      {problem !== "" && <span role="alert">Not logged out: {problem}. </span>}
      <button type="button" onClick={end}>
        Log out
      </button>
    </span>
  );
}
