import { defineConfig } from "vite";

import { fixturePlugin } from "./browser/fixturePlugin.ts";

// `npm run dev` shows the fixtures, or a running server when FIELDMARK_URL names one.
const server = process.env["FIELDMARK_URL"];

export default defineConfig({
  plugins: server ? [] : [fixturePlugin()],
  server: server ? { proxy: { "/api": server, "/health": server } } : {},
  build: {
    target: "es2022",
    cssCodeSplit: false,
    // A strict content security policy allows neither inlined assets nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 200,
  },
});
