"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call, get } from "@/api/client";
import { followEvents } from "@/api/events";
import type { Link } from "@/api/stream";
import type { FlowEvent } from "@/api/types";
import { useVisible } from "@/lib/hooks";
import { hasEnded } from "./words";

const LOOK_EVERY_MS = 10_000;
/** What is new in the flow itself after such events. */
const CHANGES_FLOW = new Set(["flow.started", "flow.resumed", "flow.completed", "step.started", "step.completed", "approval.requested", "approval.decided", "patch.applied", "patch.rolled_back"]);

export function useFlow(id: string) {
  return useQuery({
    queryKey: ["flow", id],
    queryFn: ({ signal }) => get("/v1/flows/{flow_id}", { path: { flow_id: id }, signal }),
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data.status) ? false : LOOK_EVERY_MS),
  });
}

export interface Following {
  readonly events: readonly FlowEvent[];
  readonly link: Link;
  readonly error: Error | undefined;
}

const nudgeKey = (id: string) => ["flow-nudge", id];

/** Something was done with a flow that has ended: its events are asked for once more. */
export function useNudge(id: string): () => void {
  const queries = useQueryClient();
  return () => queries.setQueryData(nudgeKey(id), (before: number | undefined) => (before ?? 0) + 1);
}

/**
 * All events of a flow, live. `ended`: of the flow itself; when that changes (it was resumed) one follows again. Nobody
 * follows in the background: a browser opens six connections to a server, over all tabs, and each stream holds one.
 */
export function useEvents(id: string, ended: boolean): Following {
  const queries = useQueryClient();
  const { data: nudges } = useQuery({ queryKey: nudgeKey(id), queryFn: () => 0, initialData: 0, enabled: false });
  const [events, setEvents] = useState<readonly FlowEvent[]>([]);
  const [link, setLink] = useState<{ link: Link; error?: Error | undefined }>({ link: "connecting" });
  const visible = useVisible();
  useEffect(() => {
    if (!visible) return;
    const leaving = new AbortController();
    let last = 0;
    setEvents((known) => {
      last = known.at(-1)?.seq ?? 0;
      return known;
    });
    const listener = {
      events: (fresh: FlowEvent[]): void => {
        setEvents((known) => [...known, ...fresh.filter((event) => event.seq > (known.at(-1)?.seq ?? 0))]);
        if (fresh.some((event) => CHANGES_FLOW.has(event.type))) void queries.invalidateQueries({ queryKey: ["flow", id] });
      },
      link: (now: Link, error?: Error): void => setLink({ link: now, error }),
    };
    // A moment later, for a state that was just set is read first, and React's strict mode mounts twice.
    const timer = setTimeout(() => void followEvents(id, last, listener, leaving.signal), 0);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [id, ended, nudges, queries, visible]);
  return { events, link: link.link, error: link.error };
}

/** One step; while it runs it is asked anew when `stamp` changes. */
export function useStep(id: string, n: number | null, stamp: string) {
  return useQuery({
    queryKey: ["flow-step", id, n, stamp],
    queryFn: ({ signal }) => get("/v1/flows/{flow_id}/steps/{n}", { path: { flow_id: id, n: n ?? 0 }, signal }),
    enabled: n !== null,
    staleTime: Infinity,
    placeholderData: (before, query) => (query?.queryKey[2] === n ? before : undefined),
  });
}

export function usePlan(id: string, stamp: number) {
  return useQuery({
    queryKey: ["flow-plan", id, stamp],
    queryFn: ({ signal }) => get("/v1/flows/{flow_id}/plan", { path: { flow_id: id }, signal }),
    staleTime: Infinity,
    placeholderData: (before) => before,
  });
}

/** The canonical patch that the check of step `n` let through. */
export function usePatch(id: string, n: number | null) {
  return useQuery({
    queryKey: ["flow-patch", id, n],
    queryFn: async ({ signal }) => (await get("/v1/flows/{flow_id}/steps/{n}", { path: { flow_id: id, n: n ?? 0 }, signal })).output ?? "",
    enabled: n !== null,
    staleTime: Infinity,
  });
}

/** Saves what the API answers at `address` as a file; the key goes into a header, so it cannot be a plain link. */
export async function download(address: string, name: string, accept = "*/*"): Promise<void> {
  const response = await call(address, { headers: { accept } });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
