#!/usr/bin/env node
// Logs in on the page of a server that has tokens, and out again, in headless Chromium.
//
//   node browser/login_check.mjs URL TOKEN
//
// Exit: 0 everything was as it should be · 1 not · 2 could not run.
import { checkInBrowser } from "./chromium.mjs";

const [url, token] = process.argv.slice(2);

async function check(page, expect) {
  const cookieOf = async () => (await page.context().cookies()).find((cookie) => cookie.name === "fieldmark_session");
  await page.goto(url);
  const form = page.getByLabel("Token for reading");
  await form.fill("fm_00000000_wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").filter({ hasText: "Not let in" }).waitFor();
  expect("a wrong token gets no cookie", (await cookieOf()) === undefined);

  await form.fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("shop", { exact: true }).first().waitFor();
  const logOut = page.getByRole("button", { name: "Log out" });
  await logOut.waitFor();
  const cookie = await cookieOf();
  expect("the cookie is for the server alone", cookie?.httpOnly === true && cookie.sameSite === "Strict");
  expect("no script sees it", !(await page.evaluate(() => document.cookie)).includes("fieldmark"));

  await page.reload();
  await logOut.waitFor();
  expect("who comes again is still logged in", await page.getByText("shop", { exact: true }).first().isVisible());
  await logOut.click();
  await form.waitFor();
  expect("nothing is shown after logging out", (await page.getByText("shop", { exact: true }).count()) === 0);
  expect("the cookie has gone", (await cookieOf()) === undefined);

  await page.context().addCookies([{ ...cookie, url: undefined }]);
  await page.reload();
  await form.waitFor();
  expect("the old cookie opens nothing any more", (await page.getByText("shop", { exact: true }).count()) === 0);
}

await checkInBrowser("checking the log-in", check);
