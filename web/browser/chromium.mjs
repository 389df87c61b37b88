// Finds and starts the system's Chromium, headless and without a word to anybody outside; and runs a check in it.
import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

export async function startChromium() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (!executablePath || !existsSync(executablePath)) {
    throw new Error(
      `starting a browser: no Chromium at ${executablePath ?? PLACES.join(", ")}; install the package chromium or set CHROMIUM to its path`,
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

// Gives `check` a page, and an `expect(what, holds)` that tells. Exit: 0 all held · 1 not · 2 there is no browser.
export async function checkInBrowser(checking, check) {
  const expect = (what, holds) => {
    if (!holds) throw new Error(what);
    console.log(`✓ ${what}`);
  };
  let browser;
  try {
    browser = await startChromium();
  } catch (error) {
    console.error(`${checking}: ${error.message}`);
    process.exit(2);
  }
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await check(page, expect);
  } catch (error) {
    console.error(`✗ ${error.message}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
