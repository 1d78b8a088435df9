/** What `/v1/usage` says, by day: the bars of the chart, and the sums above it. Days are UTC days, as limits are. */
import type { components } from "@/api/schema";

export type UsagePart = components["schemas"]["UsagePart"];

export const STAGES = ["plan", "code", "review", "direct", "other"] as const;
export type StageKey = (typeof STAGES)[number];
export type Day = { readonly day: string; readonly total: number } & Record<StageKey, number>;

const DAY_MS = 86_400_000;

/** The last `count` days up to `last`, the oldest first. */
export function daysBack(last: string, count: number): string[] {
  const end = Date.parse(`${last}T00:00:00Z`);
  return Array.from({ length: count }, (_, n) => new Date(end - (count - 1 - n) * DAY_MS).toISOString().slice(0, 10));
}

export function costPerDay(parts: readonly UsagePart[], last: string, count: number): Day[] {
  const empty = (day: string): Day => ({ day, total: 0, plan: 0, code: 0, review: 0, direct: 0, other: 0 });
  const days = new Map(daysBack(last, count).map((day) => [day, empty(day)]));
  for (const part of parts) {
    const day = days.get(part.day);
    if (!day) continue;
    const stage = keyOf(part.stage);
    days.set(part.day, { ...day, [stage]: day[stage] + part.cost_usd, total: day.total + part.cost_usd });
  }
  return [...days.values()];
}

function keyOf(stage: string | null): StageKey {
  return STAGES.find((known) => known === stage) ?? "other";
}

export interface Sum {
  readonly cost: number;
  readonly tokens: number;
  readonly requests: number;
}

export function sumOf(parts: readonly UsagePart[], days: readonly string[]): Sum {
  const among = parts.filter((part) => days.includes(part.day));
  return {
    cost: among.reduce((sum, part) => sum + part.cost_usd, 0),
    tokens: among.reduce((sum, part) => sum + part.total_tokens, 0),
    requests: among.reduce((sum, part) => sum + part.requests, 0),
  };
}
