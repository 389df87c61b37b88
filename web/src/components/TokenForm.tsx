// Asks for a token for reading and turns it into a session of this browser.
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Api } from "../api/client";

interface TokenFormProps {
  api: Pick<Api, "logIn">;
  onDone: () => void;
}

export function TokenForm({ api, onDone }: TokenFormProps): JSX.Element {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [asking, setAsking] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setAsking(true);
    try {
      await api.logIn(token.trim());
      setToken("");
      setProblem("");
      onDone();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setAsking(false);
    }
  }

  return (
    <form class="token-form" onSubmit={(event) => void submit(event)}>
      <label>
        Token for reading{" "}
        <input
          type="password"
          name="token"
          autocomplete="off"
          required
          value={token}
          aria-describedby="token-help"
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={asking}>
        Log in
      </button>
      <p id="token-help">
        Whoever runs the server makes one with <code>fieldmark token create</code>.
      </p>
      {problem !== "" && <p role="alert">Not let in: {problem}.</p>}
    </form>
  );
}
