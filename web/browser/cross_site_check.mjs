#!/usr/bin/env node
// Opens another site's page beside the server's in headless Chromium, and lets it try what such pages try.
//
//   node browser/cross_site_check.mjs URL OTHER [TOKEN]
//
// With a token the browser is logged in at the server first. Exit: 0 the other page read and changed nothing ·
// 1 it did · 2 could not run.
import { checkInBrowser } from "./chromium.mjs";

const [url, other, token] = process.argv.slice(2);

async function check(page, expect) {
  await page.goto(url);
  if (token) {
    await page.getByLabel("Token for reading").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
  }
  await page.getByText("orders", { exact: true }).first().waitFor();

  const sent = [];
  page.on("request", async (request) => {
    if (request.url().startsWith(url)) sent.push(await request.allHeaders());
  });
  const refused = [];
  page.on("response", (response) => {
    if (response.url().startsWith(url)) refused.push([response.request().method(), response.url().slice(url.length), response.status()]);
  });
  await page.goto(other);
  const read = await page.evaluate(async (server) => {
    const text = async (path, options) => {
      try {
        return await (await fetch(server + path, options)).text();
      } catch {
        return "";
      }
    };
    const service = "/api/v1/services/orders/production";
    const change = JSON.stringify({ title: "theirs" });
    return Promise.all([
      text("/api/v1/services", { credentials: "include" }),
      text(`${service}/status`, { credentials: "include", mode: "no-cors" }),
      text(`${service}/changes`, { method: "POST", credentials: "include", mode: "no-cors", body: change }),
      text(`${service}/changes`, { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body: change }),
      text("/api/v1/services/orders", { method: "DELETE", credentials: "include" }),
      text("/api/v1/session", { method: "DELETE", credentials: "include" }),
    ]);
  }, url);
  expect("it reads nothing", read.every((text) => text === ""));

  // A form is allowed to go anywhere, and takes the browser along.
  await page.goto(other);
  const answered = page.waitForResponse((response) => response.url().includes("/changes"));
  await page.evaluate((server) => {
    document.forms[0].action = `${server}/api/v1/services/orders/production/changes`;
    document.forms[0].enctype = "text/plain";
    document.forms[0].submit();
  }, url);
  expect("its form is refused", (await answered).status() === 403);
  await page.waitForURL((at) => at.href.startsWith(url));
  expect("no cookie went along", sent.every((headers) => !("cookie" in headers)));
  expect(
    "nothing that changes something was let through",
    refused.every(([method, , status]) => method === "GET" || status === 403 || status === 405),
  );

  await page.goto(other);
  const framed = await page.evaluate(
    (server) =>
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.addEventListener("load", () => resolve(frame.contentDocument !== null || frame.contentWindow.length > 0));
        frame.src = server;
        document.body.append(frame);
      }),
    url,
  );
  expect("it shows nothing of the server's page in a frame", !framed && page.frames().every((frame) => !frame.url().startsWith(url)));

  await page.goto(url);
  await page.getByText("orders", { exact: true }).first().waitFor();
  expect("the server's own page is as it was", (await page.getByText("theirs").count()) === 0);
}

await checkInBrowser("checking what another site may do", check);
