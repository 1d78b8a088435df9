import { describe, expect, test } from "vitest";
import type { UsagePart } from "./days";
import { costPerDay, daysBack, sumOf } from "./days";

const part = (day: string, stage: string | null, cost_usd: number, total_tokens = 10): UsagePart => ({
  day, stage, cost_usd, total_tokens, model: "m", requests: 1, errors: 0, rate_limited: 0, cancelled: 0, input_tokens: 4, output_tokens: 6,
});

describe("days", () => {
  test("go back from a UTC day, over the end of a month", () => {
    expect(daysBack("2026-03-02", 3)).toEqual(["2026-02-28", "2026-03-01", "2026-03-02"]);
  });

  test("without a call cost nothing, and are there", () => {
    const days = costPerDay([part("2026-03-02", "plan", 2), part("2026-03-02", "plan", 1), part("2026-03-01", "code", 0.5)], "2026-03-02", 3);
    expect(days.map((day) => day.day)).toEqual(["2026-02-28", "2026-03-01", "2026-03-02"]);
    expect(days[2]).toMatchObject({ plan: 3, code: 0, total: 3 });
    expect(days[0]!.total).toBe(0);
  });

  test("keep what no stage is known of", () => {
    expect(costPerDay([part("2026-03-02", null, 1), part("2026-03-02", "later", 1)], "2026-03-02", 1)[0]).toMatchObject({ other: 2, total: 2 });
  });
});

test("a sum is of the last days alone", () => {
  const parts = [part("2026-03-02", "plan", 1), part("2026-03-01", "plan", 2), part("2026-02-01", "plan", 4)];
  expect(sumOf(parts, daysBack("2026-03-02", 1))).toEqual({ cost: 1, tokens: 10, requests: 1 });
  expect(sumOf(parts, daysBack("2026-03-02", 7)).cost).toBe(3);
});
