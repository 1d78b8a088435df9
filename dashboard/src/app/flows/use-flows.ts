"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { get } from "@/api/client";
import { newerThan, type Wanted, withChanges } from "@/flow/live";
import { useChanges } from "@/flow/use-changes";

const PAGE = 50;
/** While the stream is broken. */
const LOOK_EVERY_MS = 3_000;
/** Who has scrolled further down reads; pages are not asked for again under their eyes. */
const LIVE_PAGES = 3;

/** `found`: what was loaded, as it is now. */
export function useFlows(wanted: Wanted) {
  const { changes, link } = useChanges();
  const asked = useInfiniteQuery({
    queryKey: ["flows", wanted],
    queryFn: ({ pageParam, signal }) => get("/v1/flows", { query: { limit: PAGE, q: wanted.search, status: [...wanted.status], since: wanted.since ?? "", cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before,
    refetchInterval: ({ state }) => (link === "live" || link === "connecting" || (state.data?.pages.length ?? 0) > LIVE_PAGES ? false : LOOK_EVERY_MS),
  });
  const { data, hasNextPage, refetch } = asked;
  const loaded = useMemo(() => data?.pages.flatMap((page) => page.data) ?? [], [data]);
  const found = useMemo(() => withChanges(loaded, changes, wanted, !hasNextPage), [loaded, changes, wanted, hasNextPage]);
  const strangers = useMemo(() => (wanted.search ? newerThan(loaded, changes).join() : ""), [loaded, changes, wanted.search]);
  useEffect(() => {
    if (strangers) void refetch(); // the server alone knows whether it would find them
  }, [strangers, refetch]);
  return { found, asked };
}
