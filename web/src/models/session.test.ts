import { expect, test, vi } from "vitest";

import { ApiFailure } from "../api/client";
import { askSession, logOut, loggedIn } from "./session";

const sessionOf = (kind: "nobody" | "anybody" | "token" | "session" | "proxy") => ({ session: () => Promise.resolve({ kind }) });

test("only who logged in can log out", async () => {
  for (const kind of ["nobody", "anybody", "token", "proxy"] as const) {
    await askSession(sessionOf(kind));
    expect(loggedIn.value).toBe(false);
  }
  await askSession(sessionOf("session"));
  expect(loggedIn.value).toBe(true);
});

test("a server that is away changes nothing", async () => {
  await askSession(sessionOf("session"));
  await askSession({ session: () => Promise.reject(new ApiFailure("away", "gone")) });
  expect(loggedIn.value).toBe(true);
});

test("the page is left only when the session has ended", async () => {
  const leave = vi.fn<() => void>();
  await expect(logOut({ logOut: () => Promise.reject(new ApiFailure("away", "gone")) }, leave)).rejects.toThrow("gone");
  expect(leave).not.toHaveBeenCalled();
  await logOut({ logOut: () => Promise.resolve() }, leave);
  expect(leave).toHaveBeenCalledOnce();
  expect(loggedIn.value).toBe(false);
});
