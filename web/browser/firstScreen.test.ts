// The built page in a real browser, served with the fixtures and under a content security policy.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { startChromium } from "./chromium.mjs";
import { type FixtureServer, startFixtureServer } from "./fixtureServer";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const PAGE_FOLDER = fileURLToPath(new URL("../../build/page-under-test", import.meta.url));
const SCREENSHOTS = fileURLToPath(new URL("../../build/screenshots", import.meta.url));

let server: FixtureServer;
let browser: Browser;
let page: Page;
let errors: string[];

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await build({ root: WEB, logLevel: "error", build: { outDir: PAGE_FOLDER, emptyOutDir: true } });
  server = await startFixtureServer(PAGE_FOLDER);
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(() => {
  errors = [];
  server.away = false;
  server.scenario = "full";
});

afterEach(async () => {
  await page.context().close();
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options });
  page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(server.address + path);
}

async function scrolls(): Promise<boolean> {
  return page.evaluate(
    () => document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth,
  );
}

async function shoot(name: string): Promise<void> {
  // A frame for the canvas.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
}

async function plots(count: number): Promise<void> {
  await page.locator(".plot canvas").nth(count - 1).waitFor();
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`the first screen of a broken service shows the planted field without scrolling, ${colorScheme}`, async () => {
    await open("/s/orders/production", { colorScheme });
    await page.getByText("customer.phone null", { exact: true }).first().waitFor();
    await plots(3);
    await shoot(`changed-${colorScheme}`);
    expect(await scrolls()).toBe(false);
    const planted = page.locator(".finding").first();
    await expectInWindow(planted.locator(".finding-what"));
    await expectInWindow(page.getByText("go back to c41d9e0").first());
    await expectInWindow(page.locator(".chart").nth(2));
    for (const card of await page.locator(".card").all()) await expectInWindow(card);
    expect(await page.title()).toBe("(7) orders production — Changed · Fieldmark");
    expect(errors).toEqual([]);
  });
}

test("what moved between changes leaves everything else on the first screen", async () => {
  await open("/s/orders/restless");
  await page.getByText("Between changes").waitFor();
  await plots(3);
  await shoot("between-changes");
  expect(await scrolls()).toBe(false);
  expect(await page.locator(".incidents li").count()).toBe(3);
  await expectInWindow(page.locator(".incidents"));
  await expectInWindow(page.locator(".finding").first().locator(".finding-what"));
  await expectInWindow(page.locator(".chart").nth(2));
  expect(errors).toEqual([]);
});

async function expectInWindow(locator: ReturnType<Page["locator"]>): Promise<void> {
  const box = await locator.boundingBox();
  expect(box).not.toBeNull();
  expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(720);
  expect(box?.y).toBeGreaterThanOrEqual(0);
}

test.for([
  ["no-change", "/s/orders/staging", "No change seen", 2],
  ["not-enough", "/s/search/production", "Not enough traffic yet", 2],
  ["cannot-compare", "/s/invoices/production", "Cannot compare", 2],
  ["no-data", "/s/billing/production", "No change yet", 0],
] as const)("%s has a first screen of its own", async ([name, path, title, charts]) => {
  await open(path);
  await page.getByRole("heading", { name: title }).first().waitFor();
  if (charts > 0) await plots(charts);
  else await page.locator(".chart-empty", { hasText: "No data" }).nth(1).waitFor();
  await shoot(name);
  expect(await scrolls()).toBe(false);
  expect(errors).toEqual([]);
});

test("the policy of the server is kept: nothing inline runs and nothing is fetched from elsewhere", async () => {
  const outside: string[] = [];
  await open("/s/orders/production");
  page.on("request", (request) => {
    if (!request.url().startsWith(server.address) && !request.url().startsWith("data:")) outside.push(request.url());
  });
  await page.evaluate(() => {
    const violations: string[] = [];
    Object.assign(globalThis, { violations });
    document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
    const script = document.createElement("script");
    script.textContent = "globalThis.inlineRan = true";
    document.head.append(script);
  });
  await plots(3);
  await page.locator(".finding").nth(1).click();
  await plots(3);
  const seen = await page.evaluate(() => {
    const globals = globalThis as unknown as { violations: string[]; inlineRan?: boolean };
    return { violations: globals.violations, ran: globals.inlineRan ?? false };
  });
  // The planted inline script is the one violation: the policy is in force, and the page itself needs no exception.
  expect(seen).toEqual({ violations: ["script-src-elem"], ran: false });
  expect(outside).toEqual([]);
});

test("the keyboard reaches the brand, the findings and the ranges, and Enter charts a finding", async () => {
  await open("/s/orders/production");
  await plots(3);
  const focused = (): Promise<string> =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("Skip to the charts");
  await page.keyboard.press("Tab");
  expect(await focused()).toContain("Fieldmark");
  await page.keyboard.press("Tab");
  expect(await focused()).toContain("Changes");
  await page.keyboard.press("Tab");
  expect(await focused()).toContain("customer.phone null");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  expect(await focused()).toContain("GET /search latency");
  await page.keyboard.press("Enter");
  await page.locator('.chart h3[title="GET /search latency"]').waitFor();
  await page.keyboard.press("End");
  expect(await focused()).toContain("channel mix");
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("1 hour");
  await page.keyboard.press("ArrowRight");
  await page.getByRole("radio", { name: "6 hours" }).and(page.locator(":checked")).waitFor();
  await expect.poll(() => server.requests.some((request) => request.includes("minutes=360"))).toBe(true);
  expect(errors).toEqual([]);
});

test("the skip link leads past the findings to the charts", async () => {
  await open("/s/orders/production");
  await plots(3);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("charts");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("1 hour");
});

test("a server that goes away is said, the last data stays with its age, and the page recovers", async () => {
  await open("/s/orders/production");
  await plots(3);
  server.away = true;
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByText("The server is not answering").waitFor();
  await page.getByText("What is shown was received").waitFor();
  await shoot("away");
  await expect.poll(() => page.locator(".finding").count()).toBe(7);
  expect(await scrolls()).toBe(false);
  server.away = false;
  await page.getByRole("button", { name: "Try now" }).click();
  await expect.poll(() => page.locator(".away-banner").count()).toBe(0);
});

test("2 000 findings are capped, drawn quickly and all shown on demand", async () => {
  await open("/s/warehouse/production");
  await page.locator(".finding").first().waitFor();
  expect(await page.locator(".finding").count()).toBe(50);
  await shoot("many");
  const all = page.getByRole("button", { name: /Show all 2.000 findings/ });
  const started = Date.now();
  await all.click();
  await expect.poll(() => page.locator(".finding").count()).toBe(2000);
  expect(Date.now() - started).toBeLessThan(3000);
  expect(await scrolls()).toBe(false);
  expect(errors).toEqual([]);
});

test("the list of services is worst first and leads to a service and back", async () => {
  await open("/");
  await page.getByRole("heading", { name: "Services" }).waitFor();
  await shoot("services");
  const rows = await page.locator(".service-row-name").allTextContents();
  expect(rows[0]).toBe("orders production");
  await page.locator(".service-row").first().click();
  await page.getByText("customer.phone null", { exact: true }).first().waitFor();
  expect(new URL(page.url()).pathname).toBe("/s/orders/production");
  await page.goBack();
  await page.getByRole("heading", { name: "Services" }).waitFor();
  expect(errors).toEqual([]);
});

test("without a service the page says which line to add and where the server is", async () => {
  server.scenario = "empty";
  await open("/", { colorScheme: "dark" });
  await page.getByText("app.add_middleware(FieldmarkMiddleware)").waitFor();
  await page.getByText(server.address, { exact: true }).waitFor();
  await shoot("empty");
  expect(errors).toEqual([]);
});

test("an unknown service and an unknown page say so and lead back", async () => {
  await open("/s/nobody/production");
  await page.getByRole("heading", { name: "No such service" }).waitFor();
  await shoot("unknown");
  await page.getByRole("link", { name: "See the services it knows" }).click();
  await page.getByRole("heading", { name: "Services" }).waitFor();
  await page.goto(`${server.address}/nowhere`);
  await page.getByRole("heading", { name: "No such page" }).waitFor();
});

test("a narrow screen scrolls downwards only", async () => {
  await open("/s/orders/production", { viewport: { width: 390, height: 844 } });
  await plots(3);
  await page.screenshot({ path: `${SCREENSHOTS}/narrow.png`, fullPage: true });
  const overhang = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(await overhang()).toBeLessThanOrEqual(0);
  // The system's font may be wider than this machine's.
  await page.evaluate(() => {
    document.body.style.letterSpacing = "0.09em";
  });
  await page.screenshot({ path: `${SCREENSHOTS}/narrow-wide-font.png`, fullPage: true });
  expect(await overhang()).toBeLessThanOrEqual(0);
});

test("page_check tells seen from not seen and from not run", async () => {
  await open("/");
  const script = fileURLToPath(new URL("page_check.mjs", import.meta.url));
  const run = (...parameters: string[]): Promise<{ code: number; output: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [script, ...parameters], (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr });
      });
    });
  const address = `${server.address}/s/orders/production`;
  const picture = `${SCREENSHOTS}/page_check.png`;
  rmSync(picture, { force: true });
  const seen = await run(address, "customer.phone null", "1 %", "--screenshot", picture);
  expect(seen.output).toContain("✓ seen: customer.phone null");
  expect(seen.code).toBe(0);
  expect(existsSync(picture)).toBe(true);
  const missing = await run(address, "customer.phone null", "customer.fax null", "--timeout", "1");
  expect(missing.output).toContain("✗ not seen: customer.fax null");
  expect(missing.code).toBe(1);
  expect((await run()).code).toBe(2);
});

for (const [name, viewport] of [
  ["desktop", { width: 1280, height: 720 }],
  ["phone", { width: 390, height: 844 }],
] as const) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`the list of changes fits a ${name}, ${colorScheme}`, async () => {
      await open("/s/orders/production", { viewport, colorScheme });
      await page.getByRole("link", { name: "Changes" }).click();
      await page.getByRole("heading", { name: "Changes" }).waitFor();
      await page.getByText("Phone numbers from the new form").waitFor();
      await page.getByRole("button", { name: "What did it do?" }).click();
      await page.getByText("No change seen").first().waitFor();
      await page.getByRole("button", { name: "Amend orders.total becomes numeric(12, 2)" }).click();
      await page.getByLabel("Expected result").waitFor();
      await shoot(`changes-${name}-${colorScheme}`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await page.getByRole("link", { name: /orders production/ }).click();
      await page.getByText("customer.phone null", { exact: true }).first().waitFor();
      expect(errors).toEqual([]);
    });
  }
}
