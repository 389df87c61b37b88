#!/usr/bin/env node
// Loads a page in headless Chromium, waits for texts to be visible and prints what it saw.
//
//   node browser/page_check.mjs URL [TEXT…] [--screenshot FILE] [--timeout SECONDS] [--size 1280x720] [--dark]
//
// A TEXT is found when the visible text of the page or an accessible name holds it, with any white space in between.
// Exit: 0 every text was found and the page logged no error · 1 not · 2 could not run.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

import { startChromium } from "./chromium.mjs";

const USAGE = "page_check.mjs URL [TEXT…] [--screenshot FILE] [--timeout SECONDS] [--size 1280x720] [--dark]";

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      screenshot: { type: "string" },
      timeout: { type: "string", default: "20" },
      size: { type: "string", default: "1280x720" },
      dark: { type: "boolean", default: false },
    },
  });
  const [url, ...texts] = positionals;
  const [width, height] = values.size.split("x").map(Number);
  const timeoutMs = Number(values.timeout) * 1000;
  if (!url || !(width > 0) || !(height > 0) || !(timeoutMs > 0)) throw new Error(`usage: ${USAGE}`);
  return { url, texts, width, height, timeoutMs, dark: values.dark, screenshot: values.screenshot };
}

// Everything a reader may see or hear, white space made plain.
const textOfPage = () => {
  const names = [...document.querySelectorAll("[aria-label]")].map((element) => element.getAttribute("aria-label"));
  return [document.title, document.body.innerText, ...names].join("\n").replace(/[\s\u00a0\u202f]+/g, " ");
};

async function waitForTexts(page, texts, timeoutMs) {
  const end = Date.now() + timeoutMs;
  const wanted = texts.map((text) => text.replace(/[\s\u00a0\u202f]+/g, " "));
  for (;;) {
    const seen = await page.evaluate(textOfPage);
    const missing = texts.filter((_, i) => !seen.includes(wanted[i]));
    if (missing.length === 0 || Date.now() > end) return missing;
    await page.waitForTimeout(200);
  }
}

async function check({ url, texts, width, height, timeoutMs, dark, screenshot }) {
  const browser = await startChromium();
  try {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
    const errors = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url, { waitUntil: "load", timeout: timeoutMs });
    const missing = await waitForTexts(page, texts, timeoutMs);
    if (screenshot) {
      await mkdir(dirname(screenshot), { recursive: true });
      await page.waitForTimeout(300);
      await page.screenshot({ path: screenshot });
    }
    console.log(`title: ${await page.title()}`);
    console.log(await page.evaluate(() => document.body.innerText));
    for (const text of texts) console.log(`${missing.includes(text) ? "✗ not seen" : "✓ seen"}: ${text}`);
    for (const error of errors) console.log(`✗ console error: ${error}`);
    return missing.length === 0 && errors.length === 0 ? 0 : 1;
  } finally {
    await browser.close();
  }
}

try {
  process.exitCode = await check(readArguments());
} catch (error) {
  console.error(`checking a page: ${error.message}`);
  process.exitCode = 2;
}
