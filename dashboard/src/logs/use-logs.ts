"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { get } from "@/api/client";
import type { paths } from "@/api/schema";
import type { LogRow } from "@/api/types";

export type Query = NonNullable<paths["/v1/logs"]["get"]["parameters"]["query"]>;
export const STAGES = ["plan", "code", "review", "direct"] as const;
export const STATUSES = ["success", "error", "rate_limited", "cancelled"] as const;
const SPANS: Record<string, number> = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000 };
const PAGE = 100;
const MINUTE_MS = 60_000;

/** The filters of the address, as the API takes them. What is none of its words is left out. */
export function wantedOf(params: URLSearchParams, now: number): Query {
  const among = <T extends string>(name: string, known: readonly T[]): T | undefined => known.find((one) => one === params.get(name));
  const text = (name: string): string | undefined => params.get(name)?.trim().slice(0, 200) || undefined;
  const span = SPANS[params.get("span") ?? ""];
  return JSON.parse(
    JSON.stringify({
      stage: among("stage", STAGES),
      status: among("status", STATUSES),
      model: text("model"),
      session_id: text("session"),
      flow_id: text("flow"),
      // To the minute, so that the same question is asked until the clock strikes.
      since: span && new Date(Math.floor((now - span) / MINUTE_MS) * MINUTE_MS).toISOString(),
    }),
  ) as Query;
}

export function useLogs(wanted: Query) {
  const asked = useInfiniteQuery({
    queryKey: ["logs", wanted],
    queryFn: ({ pageParam, signal }) => get("/v1/logs", { query: { ...wanted, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : 5_000), // who reads further down is left alone
  });
  const rows = useMemo<LogRow[]>(() => asked.data?.pages.flatMap((page) => page.data) ?? [], [asked.data]);
  return { rows, asked };
}
