// Colours: every text on every ground that it stands on reads at 4.5 : 1 or better (WCAG AA), in both schemes.
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

const TEXTS_ON_GROUNDS: Record<string, readonly string[]> = {
  ink: ["ground", "surface", "surface-raised", "good-wash", "attention-wash", "bad-wash", "quiet-wash"],
  "ink-quiet": ["ground", "surface", "surface-raised", "good-wash", "attention-wash", "bad-wash", "quiet-wash"],
  accent: ["ground", "surface", "surface-raised"],
  good: ["surface", "surface-raised", "good-wash"],
  attention: ["ground", "surface", "surface-raised", "attention-wash"],
  bad: ["surface", "surface-raised", "bad-wash"],
  quiet: ["surface", "surface-raised", "quiet-wash"],
};
// Lines and shapes need 3 : 1.
const LINES_ON_GROUNDS: Record<string, readonly string[]> = {
  "chart-main": ["surface"],
  "chart-soft": ["surface"],
  bad: ["surface"],
};

const css = readFileSync(new URL("src/styles/tokens.css", `file://${process.cwd()}/`), "utf8");
const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");

function colours(block: string): Map<string, string> {
  return new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.040_45 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function tooWeak(scheme: Map<string, string>, pairs: Record<string, readonly string[]>, least: number): string[] {
  return Object.entries(pairs).flatMap(([text, grounds]) =>
    grounds
      .map((ground) => [ground, contrast(scheme.get(text) ?? "", scheme.get(ground) ?? "")] as const)
      .filter(([, ratio]) => !(ratio >= least))
      .map(([ground, ratio]) => `${text} on ${ground}: ${ratio.toFixed(2)}`),
  );
}

test("the measure itself knows black on white and equal colours", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#777777")).toBe(1);
});

test.for([
  ["light", light],
  ["dark", dark],
] as const)("text and lines are readable in the %s scheme", ([, block]) => {
  const scheme = colours(block);
  expect(tooWeak(scheme, TEXTS_ON_GROUNDS, 4.5)).toEqual([]);
  expect(tooWeak(scheme, LINES_ON_GROUNDS, 3)).toEqual([]);
});

test("both schemes name the same colours", () => {
  expect([...colours(dark).keys()]).toEqual([...colours(light).keys()]);
});
