// Who this browser is to the server: one that logged in can log out, and where nobody needs to, everybody may amend.
import { signal } from "@preact/signals";

import { type Api, httpApi } from "../api/client";

export const loggedIn = signal(false);
export const mayAmend = signal(false);

export async function askSession(api: Pick<Api, "session"> = httpApi): Promise<void> {
  try {
    const { kind } = await api.session(new AbortController().signal);
    loggedIn.value = kind === "session";
    mayAmend.value = kind === "anybody";
  } catch {
    // A server that is away says so where data would be.
  }
}

// Nothing of what was shown stays: the page is loaded anew.
export async function logOut(api: Pick<Api, "logOut"> = httpApi, leave: () => void = () => location.reload()): Promise<void> {
  await api.logOut();
  loggedIn.value = false;
  leave();
}
