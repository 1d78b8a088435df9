"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "@/api/client";
import type { Flow, FlowStatus } from "@/api/types";
import { hasEnded } from "@/flow/words";

export interface Wanted {
  readonly status: readonly FlowStatus[];
  readonly since: string | null;
}

const PAGE = 50;
/** The API has no search in texts: so many of the newest flows are looked through here. */
const SEARCHED = 500;
const LIVE_MS = 2_000;
const CALM_MS = 15_000;
/** Who has scrolled further down reads; the list stands still. */
const LIVE_PAGES = 3;

/** `flows`: all that were loaded; `found`: those among them in which `search` occurs. */
export function useFlows(wanted: Wanted, search: string) {
  const asked = useInfiniteQuery({
    queryKey: ["flows", wanted],
    queryFn: ({ pageParam, signal }) =>
      get("/v1/flows", { query: { limit: PAGE, status: [...wanted.status], ...(wanted.since ? { since: wanted.since } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before,
    refetchInterval: ({ state }) => {
      const pages = state.data?.pages ?? [];
      if (pages.length > LIVE_PAGES) return false;
      return pages.some((page) => page.data.some((flow) => !hasEnded(flow.status))) ? LIVE_MS : CALM_MS;
    },
  });
  const flows = asked.data?.pages.flatMap((page) => page.data) ?? [];
  const found = search ? flows.filter((flow) => isLike(flow, search)) : flows;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = asked;
  useEffect(() => {
    if (search && hasNextPage && !isFetchingNextPage && flows.length < SEARCHED) void fetchNextPage();
  }, [search, hasNextPage, isFetchingNextPage, fetchNextPage, flows.length]);
  return { flows, found, asked };
}

/** Every word occurs in task, id, models or reason. */
export function isLike(flow: Flow, search: string): boolean {
  const models = Object.values(flow.stages).map((stage) => stage.model ?? "");
  const text = [flow.task, flow.id, flow.reason ?? "", flow.workspace ?? "", ...models].join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
