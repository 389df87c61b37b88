import { expect, test } from "vitest";

import {
  formatAge,
  formatBytes,
  formatClock,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatNumber,
  formatShare,
  formatValue,
  formatVersion,
  shortName,
  shortVersions,
} from "./format";

// Spaces that do not break are written as plain ones below.
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");

test.for([
  [0, "0"],
  [0.04567, "0.0457"],
  [0.5, "0.5"],
  [1, "1"],
  [18.94, "18.9"],
  [999.6, "1 000"],
  [1234.5, "1 235"],
  [99_999, "99 999"],
  [100_000, "100 k"],
  [123_456, "123 k"],
  [1_250_000, "1.25 M"],
  [3e9, "3 G"],
  [-12.34, "-12.3"],
  [0.000_000_1, "0.0000001"],
  [Number.NaN, "–"],
  [Number.POSITIVE_INFINITY, "–"],
] as const)("the number %f reads %s", ([value, text]) => {
  expect(plain(formatNumber(value))).toBe(text);
});

test.for([
  [0, "0 %"],
  [0.000_01, "< 0.01 %"],
  [0.0002, "0.02 %"],
  [0.0103, "1 %"],
  [0.0156, "1.6 %"],
  [0.381, "38 %"],
  [0.996, "99.6 %"],
  [0.999_99, "99.99 %"],
  [1, "100 %"],
  [2.5, "250 %"],
  [-0.2, "-20 %"],
] as const)("the share %f reads %s", ([value, text]) => {
  expect(plain(formatShare(value))).toBe(text);
});

test.for([
  [0, "0 ms"],
  [0.04, "40 µs"],
  [3.052, "3.1 ms"],
  [63.2, "63 ms"],
  [118.4, "118 ms"],
  [999.9, "1 s"],
  [1234, "1.23 s"],
  [180_000, "3 min"],
] as const)("%f milliseconds read %s", ([value, text]) => {
  expect(plain(formatMilliseconds(value))).toBe(text);
});

test.for([
  [0, "0 B"],
  [999, "999 B"],
  [1500, "1.5 kB"],
  [2_000_000, "2 MB"],
] as const)("%i bytes read %s", ([value, text]) => {
  expect(plain(formatBytes(value))).toBe(text);
});

test.for([
  [0.4, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [3599, "59 min"],
  [3600, "1 h"],
  [7500, "2 h 5 min"],
  [50_000, "13 h"],
  [200_000, "2 d"],
  [-5, "0 s"],
] as const)("%f seconds last %s", ([value, text]) => {
  expect(plain(formatDuration(value))).toBe(text);
});

test("an age says ago, a count keeps all its digits", () => {
  expect(plain(formatAge(4))).toBe("4 s ago");
  expect(plain(formatCount(48_210))).toBe("48 210");
  expect(plain(formatCount(1_234_567))).toBe("1 234 567");
});

test("a time of another day names the day, in UTC", () => {
  const now = Date.parse("2026-11-24T03:12:40Z");
  expect(formatClock("2026-11-24T02:55:00Z", now)).toBe("02:55");
  expect(formatClock("2026-11-23T23:59:00Z", now)).toBe("23 Nov 23:59");
  expect(formatClock("2026-11-24T01:30:00+02:00", now)).toBe("23 Nov 23:30");
  expect(formatClock("not a time", now)).toBe("–");
});

test("a value reads in its unit, and a value that is not there is no zero", () => {
  expect(plain(formatValue(12, "ms", false))).toBe("12 ms");
  expect(plain(formatValue(1500, "bytes", false))).toBe("1.5 kB");
  expect(plain(formatValue(24.1, "1/s", false))).toBe("24.1/s");
  expect(plain(formatValue(7, "items", false))).toBe("7 items");
  expect(plain(formatValue(7, "", false))).toBe("7");
  expect(plain(formatValue(0.07, "", true))).toBe("7 %");
  expect(formatValue(null, "ms", false)).toBe("–");
});

test.for([
  ["9f2c1ab85d3e", "9f2c1ab"],
  ["9f2c1ab85d3e7f6a1b0c9d8e7f6a5b4c3d2e1f0a", "9f2c1ab"],
  ["9f2c1ab85d3e-dirty.77aa00", "9f2c1ab-dirty.77aa00"],
  ["code:9f2c1ab85d3e", "code:9f2c1ab"],
  ["2026.11.24", "2026.11.24"],
  ["bad", "bad"],
  ["deadbeef", "deadbeef"],
] as const)("the version %s is shown as %s", ([version, shown]) => {
  expect(formatVersion(version)).toBe(shown);
});

test("a long name keeps its beginning and its end", () => {
  expect(shortName("customer.phone null")).toBe("customer.phone null");
  const short = shortName("columns.0.a_rather_long_name_of_a_field_that_somebody_once_needed null");
  expect(short).toHaveLength(46);
  expect(short.startsWith("columns.0.a_ra…")).toBe(true);
  expect(short.endsWith("somebody_once_needed null")).toBe(true);
});

test("versions inside a text are shortened, words are not", () => {
  expect(shortVersions("go back to 7ac0f1e44b0d1c2a9f3e")).toBe("go back to 7ac0f1e");
  expect(shortVersions("go back to code:7ac0f1e44b0d")).toBe("go back to code:7ac0f1e");
  expect(shortVersions("go back to 2026.11.24")).toBe("go back to 2026.11.24");
});
