import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type FixtureApi, createFixtureApi } from "../fixtures/fixtureApi";
import { lastingIncident } from "../fixtures/orders";
import { ticks } from "../models/clock";
import { createServiceModel } from "../models/serviceModel";
import { createServicesModel } from "../models/servicesModel";
import { ServiceScreen } from "./ServicePage";
import { ServicesScreen } from "./ServicesPage";

// What it draws is for the browser tests; here it only has to be asked for.
const plots: { title: string; destroyed: boolean }[] = [];
vi.mock("uplot", () => ({
  default: class {
    static pxRatio = 1;
    record = { title: "", destroyed: false };
    constructor() {
      plots.push(this.record);
    }
    setData(): void {}
    setSize(): void {}
    destroy(): void {
      this.record.destroyed = true;
    }
  },
}));

let api: FixtureApi;
let root: HTMLElement;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  plots.length = 0;
  api = createFixtureApi();
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(() => {
  stop();
  render(null, root);
  root.remove();
  vi.useRealTimers();
});

async function settle(milliseconds = 0): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
    ticks.value = performance.now();
  });
}

async function showService(service = "orders", environment = "production"): Promise<void> {
  const model = createServiceModel(service, environment, api);
  stop = model.stop;
  await act(() => {
    render(<ServiceScreen model={model} />, root);
    model.start();
  });
  await settle();
}

async function showServices(): Promise<void> {
  const model = createServicesModel(api);
  stop = model.list.stop;
  await act(() => {
    render(<ServicesScreen model={model} />, root);
    model.list.start();
  });
  await settle();
}

const text = (selector = "div"): string => (root.querySelector(selector)?.textContent ?? "").replace(/[\u00a0\u202f]/g, " ");
const texts = (selector: string): string[] =>
  [...root.querySelectorAll(selector)].map((element) => (element.textContent ?? "").replace(/[\u00a0\u202f]/g, " "));

test("four answers, each with its word, its shape and the age of its data", async () => {
  await showService();
  expect(texts(".card-question")).toEqual([
    "Is it up?",
    "Is it slow?",
    "Are jobs failing?",
    "Did the last deployment change anything?",
  ]);
  expect(texts(".card-word")).toEqual(["Some fail", "Slow", "No jobs seen", "Changed"]);
  const shapes = [...root.querySelectorAll(".card .mark")].map((mark) => mark.getAttribute("class"));
  expect(shapes).toEqual(["mark mark-triangle", "mark mark-cross", "mark mark-hollow", "mark mark-cross"]);
  expect(texts(".card .age")).toEqual(["4 s ago", "4 s ago", "4 s ago", "4 s ago"]);
});

test("what is wrong with the server itself stands above everything", async () => {
  await showService();
  expect(root.querySelectorAll('[role="alert"]')).toHaveLength(0);
  api.notices = ["2 stored rows are damaged and left out of what is shown."];
  await settle(5000);
  expect(text('[role="alert"]')).toContain("2 stored rows are damaged");
});

test("what moved between changes stands between the answers and the verdict, with what became of it", async () => {
  await showService();
  expect(root.querySelectorAll(".incidents")).toHaveLength(0);
  api.incidents = [lastingIncident, { ...lastingIncident, id: 8, state: "over", over_at: lastingIncident.seen_at }];
  await settle(5000);
  expect(texts(".incidents li")).toHaveLength(2);
  expect(text(".incidents li")).toContain("customer.phone null 1 % → 38 % since 02:00");
  expect(texts(".incidents .incident-fate")).toEqual(["lasts, last seen 03:00", "over by 03:00"]);
  expect([...(root.querySelector("main")?.children ?? [])].map((child) => child.className.split(" ")[0]).slice(0, 3)).toEqual(["answers", "incidents", "verdict"]);
});

test("whoever is not known is asked for a token, and let in with the right one", async () => {
  const entered = async (token: string): Promise<void> => {
    const input = root.querySelector<HTMLInputElement>('input[name="token"]');
    if (input === null) throw new Error("no token is asked for");
    await act(() => {
      input.value = token;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await act(async () => {
      root.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
      await vi.advanceTimersByTimeAsync(0);
    });
    await settle();
  };
  api.token = "fm_right";
  await showServices();
  expect(root.querySelectorAll(".service-rows li")).toHaveLength(0);
  await entered("fm_wrong");
  expect(text('[role="alert"]')).toContain("Not let in: it is not one of this server's");
  await entered("fm_right");
  expect(root.querySelectorAll("form")).toHaveLength(0);
  expect(root.querySelectorAll(".service-rows li").length).toBeGreaterThan(0);
});

test("ages grow while nothing new comes", async () => {
  await showService();
  api.away = true;
  await settle(5000);
  expect(texts(".card .age")[0]).toBe("9 s ago");
});

test("how often the check would have been wrong stands with the verdict, and nothing where too few moments were asked", async () => {
  await showService();
  expect(root.querySelector(".verdict-words")!.textContent).toContain("On 96 comparable hours of the last 14 days");
  stop();
  await showService("orders", "staging");
  expect(root.querySelector(".moments")).toBeNull();
});

test("the verdict is read aloud without its times", async () => {
  await showService();
  expect(text('.verdict [role="status"]')).toBe("Version 9f2c1ab: Changed, 6 changed, 1 suspected");
  expect(text(".versions")).toBe("c41d9e0→9f2c1ab");
});

test("findings are buttons, worst first, with the rollback beside the worst alone", async () => {
  await showService();
  const findings = [...root.querySelectorAll<HTMLButtonElement>("button.finding")];
  expect(findings).toHaveLength(7);
  expect(findings[0]?.getAttribute("aria-pressed")).toBe("true");
  expect(texts(".finding-what")[0]).toBe("customer.phone null");
  expect(texts(".finding-values")[0]).toBe("1 % → 38 %");
  expect(root.querySelectorAll(".rollback")).toHaveLength(1);
  expect(text(".finding-rows > li:first-child .rollback")).toContain("go back to c41d9e0");
  expect(texts(".chip").at(-1)).toBe("Suspected");
  expect(root.querySelectorAll(".chip-suspected .mark-hollow_diamond")).toHaveLength(1);
  expect(root.querySelectorAll(".chip-changed .mark-diamond")).toHaveLength(6);
});

test("errors that only this version has are listed below the findings", async () => {
  await showService();
  expect(text(".new-errors h3")).toBe("Errors since this version");
  expect(texts(".new-errors li b")).toEqual(["341 ×", "12 ×"]);
  expect(texts(".new-error-kind")[0]).toBe("ERROR charging %s failed · Timeout in shop.payments.charge");
  expect(texts(".new-errors .finding-facts")[1]).toContain("GET /orders/{id} · first at");
  expect(texts(".new-errors code")).toEqual(["4bf92f3577b34da6a3ce929d0e0e4736"]);
});

test("clicking a finding charts it", async () => {
  await showService();
  expect(texts(".chart h3").at(-1)).toBe("customer.phone nullPOST /orders request");
  await act(() => root.querySelectorAll<HTMLButtonElement>("button.finding")[3]?.click());
  await settle();
  expect(texts(".chart h3").at(-1)).toBe("latencyGET /search");
  expect(api.asked.at(-1)).toContain("subject=GET+%2Fsearch&field=&statistic=latency");
  expect([...root.querySelectorAll("button.finding")].map((button) => button.getAttribute("aria-pressed"))).toEqual([
    "false",
    "false",
    "false",
    "true",
    "false",
    "false",
    "false",
  ]);
});

test("charts are drawn, described in words and taken down with the page", async () => {
  await showService();
  expect(plots).toHaveLength(3);
  expect(root.querySelector(".plot")?.getAttribute("aria-label")).toContain("Traffic. Requests: now");
  await act(() => render(null, root));
  expect(plots.every((plot) => plot.destroyed)).toBe(true);
});

test("without findings the list says how much was looked at", async () => {
  await showService("orders", "staging");
  expect(texts(".coverage dd")).toEqual(["180", "40", "0"]);
  expect(text(".panel-empty")).toContain("A shift of 18 % or more would have been seen");
});

test.for([
  ["search", "not enough traffic yet"],
  ["invoices", "cannot compare"],
] as const)("%s: nothing found is not called nothing changed", async ([service, words]) => {
  await showService(service);
  expect(text(".panel-empty")).toContain(`No finding does not mean that nothing changed: ${words}`);
  expect(root.querySelector(".verdict")?.className).toContain("tone-quiet");
});

test("while the verdict is being made nothing is said of what it will find", async () => {
  await showService("ledger");
  expect(text(".panel-empty")).toBe("Findings appear here once the verdict is made.");
  expect(texts(".coverage dd")).toEqual([]);
});

test("old data is marked, and no data draws no chart", async () => {
  await showService("billing");
  expect(text(".page-head .age-old")).toBe("⚠ last data 1 h 36 min ago");
  expect(texts(".chart-empty")).toEqual(["No data", "No data"]);
  expect(root.querySelectorAll(".card.tone-good")).toHaveLength(0);
  expect(plots).toHaveLength(0);
});

test("a server that goes away is said at once, and colours fade after half a minute", async () => {
  await showService("orders", "staging");
  api.away = true;
  await settle(5000);
  expect(text('[role="alert"]')).toContain("The server is not answering");
  expect(root.querySelector("main")?.className).toBe("service");
  await settle(30_000);
  expect(root.querySelector("main")?.className).toBe("service stale");
  expect(document.title).toContain("server away");
  expect(texts(".card-word")[0]).toBe("Up");
  api.away = false;
  await act(() => root.querySelector<HTMLButtonElement>(".away-banner button")?.click());
  await settle();
  expect(root.querySelector('[role="alert"]')).toBeNull();
  expect(root.querySelector("main")?.className).toBe("service");
});

test("a page opened while the server is away says so and shows no state", async () => {
  api.away = true;
  await showService();
  expect(text('[role="alert"]')).toContain("Nothing has been received yet");
  expect(root.querySelectorAll(".card")).toHaveLength(0);
});

test("an unknown service leads back to the list", async () => {
  await showService("nobody", "nowhere");
  expect(text(".message h1")).toBe("No such service");
  expect(root.querySelector('.message a[href="/"]')).not.toBeNull();
});

test("2 000 findings are capped at what can be read", async () => {
  await showService("warehouse");
  expect(root.querySelectorAll("button.finding")).toHaveLength(50);
  expect(text(".show-all")).toBe("Show all 2 000 findings");
});

test("services are listed in the server's order, each a link with its state and age", async () => {
  await showServices();
  expect(texts(".service-row-name")).toEqual([
    "orders production",
    "warehouse production",
    "billing production",
    "search production",
    "invoices production",
    "orders staging",
  ]);
  expect(root.querySelector(".service-row")?.getAttribute("href")).toBe("/s/orders/production");
  expect(texts(".service-row .age")[2]).toBe("⚠ 1 h 36 min ago");
  expect(document.title).toBe("(2007) Services · Fieldmark");
});

test("without a service the page shows the line to add and this server's address", async () => {
  api.scenario = "empty";
  await showServices();
  expect(text(".message")).toContain("app.add_middleware(FieldmarkMiddleware)");
  expect(text(".message")).toContain(`FIELDMARK_URL=${location.origin}`);
});
