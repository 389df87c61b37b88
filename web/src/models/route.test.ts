import { afterEach, beforeEach, expect, test } from "vitest";

import { changesPath, followAddress, parseRoute, route, servicePath } from "./route";

test.for([
  ["/", { page: "services" }],
  ["/s/orders/production", { page: "service", service: "orders", environment: "production" }],
  ["/s/orders/production/", { page: "service", service: "orders", environment: "production" }],
  ["/s/a%2Fb/%C3%BC%20x", { page: "service", service: "a/b", environment: "ü x" }],
  ["/s/orders", { page: "missing" }],
  ["/s/orders/production/changes", { page: "changes", service: "orders", environment: "production" }],
  ["/s/orders/production/more", { page: "missing" }],
  ["/s/orders/production/changes/1", { page: "missing" }],
  ["/s/%/production", { page: "missing" }],
  ["/elsewhere", { page: "missing" }],
] as const)("the address %s is a route", ([path, expected]) => {
  expect(parseRoute(path)).toEqual(expected);
});

test("a path made for any names leads back to them", () => {
  for (const [service, environment] of [
    ["orders", "production"],
    ["a/b?c#d", "%41"],
    ["日本", "x y"],
  ] as const) {
    expect(parseRoute(servicePath(service, environment))).toEqual({ page: "service", service, environment });
    expect(parseRoute(changesPath(service, environment))).toEqual({ page: "changes", service, environment });
  }
});

let stop: () => void;
beforeEach(() => {
  history.replaceState(null, "", "/");
  stop = followAddress();
});
afterEach(() => {
  stop();
  document.body.replaceChildren();
});

function click(href: string, init: MouseEventInit = {}): MouseEvent {
  const link = document.createElement("a");
  link.href = href;
  document.body.append(link);
  const event = new MouseEvent("click", { bubbles: true, cancelable: true, button: 0, ...init });
  link.dispatchEvent(event);
  return event;
}

test("a plain click moves inside the page", () => {
  const event = click("/s/orders/production");
  expect(event.defaultPrevented).toBe(true);
  expect(location.pathname).toBe("/s/orders/production");
  expect(route.value).toEqual({ page: "service", service: "orders", environment: "production" });
});

test.for([
  ["with a key that opens a tab", "/s/orders/production", { ctrlKey: true }],
  ["to another server", "http://elsewhere.invalid/s/orders/production", {}],
  ["to a place on the page", "/#charts", {}],
] as const)("a click %s is left to the browser", ([, href, init]) => {
  let prevented: boolean | null = null;
  // The browser itself must not follow the link here.
  addEventListener(
    "click",
    (event) => {
      prevented = event.defaultPrevented;
      event.preventDefault();
    },
    { once: true },
  );
  click(href, init);
  expect(prevented).toBe(false);
  expect(route.value).toEqual({ page: "services" });
});
