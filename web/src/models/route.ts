// The address bar: which page is shown, and moving without loading the page again.
import { signal } from "@preact/signals";

export type Route =
  | { page: "services" }
  | { page: "service"; service: string; environment: string }
  | { page: "changes"; service: string; environment: string }
  | { page: "missing" };

export function parseRoute(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0) return { page: "services" };
  const [first, service, environment, last] = parts;
  const page = parts.length === 3 ? "service" : parts.length === 4 && last === "changes" ? "changes" : null;
  if (first !== "s" || page === null || !service || !environment) return { page: "missing" };
  try {
    return {
      page,
      service: decodeURIComponent(service),
      environment: decodeURIComponent(environment),
    };
  } catch {
    return { page: "missing" };
  }
}

export function servicePath(service: string, environment: string): string {
  return `/s/${encodeURIComponent(service)}/${encodeURIComponent(environment)}`;
}

export function changesPath(service: string, environment: string): string {
  return `${servicePath(service, environment)}/changes`;
}

export const route = signal<Route>({ page: "services" });

let readPath: string | null = null;

// Moving to a place on the same page is no new route.
function readAddress(): void {
  if (location.pathname === readPath) return;
  readPath = location.pathname;
  route.value = parseRoute(readPath);
}

// Follows the address bar and plain clicks on links of this page; returns how to stop.
export function followAddress(): () => void {
  const onClick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin || link.hash) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    readAddress();
    scrollTo(0, 0);
  };
  addEventListener("popstate", readAddress);
  document.addEventListener("click", onClick);
  readAddress();
  return () => {
    removeEventListener("popstate", readAddress);
    document.removeEventListener("click", onClick);
  };
}
