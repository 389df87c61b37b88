import type { Browser } from "playwright-core";

// Rejects with what to install when there is no Chromium.
export function startChromium(): Promise<Browser>;
