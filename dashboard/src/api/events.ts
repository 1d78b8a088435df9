/**
 * A flow's events, live. The browser's own EventSource cannot send a key, so the stream is read by `fetch`; it comes
 * back after any break with `Last-Event-ID`, so that no event is missed and none comes twice.
 */
import { createParser } from "eventsource-parser";
import { ApiError, call } from "./client";
import type { FlowEvent } from "./types";

export type Link = "connecting" | "live" | "broken" | "ended";

export interface Listener {
  /** In order of `seq`, as many at a time as came in one piece. */
  readonly events: (events: FlowEvent[]) => void;
  readonly link: (link: Link, error?: Error) => void;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server sends a comment every 15 s: who hears nothing for much longer is connected to nobody. */
const SILENCE_MS = 45_000;

/** Follows until the flow has ended or `signal` aborts. */
export async function followEvents(
  flowId: string,
  after: number,
  listener: Listener,
  signal: AbortSignal,
  fetch: Fetch = call,
): Promise<void> {
  let last = after;
  let failures = 0;
  const take = (events: FlowEvent[]): void => {
    const fresh = events.filter((event) => event.seq > last);
    if (fresh.length === 0) return;
    last = fresh.at(-1)!.seq;
    failures = 0;
    listener.events(fresh);
  };
  while (!signal.aborted) {
    try {
      const ended = await readOnce(flowId, last, take, listener, signal, fetch);
      if (ended) return listener.link("ended");
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return listener.link("ended", error as Error);
      listener.link("broken", error instanceof Error ? error : undefined);
    }
    await pause(waitMs(failures++), signal);
  }
}

/** True: nothing more will come. */
async function readOnce(
  flowId: string,
  last: number,
  take: (events: FlowEvent[]) => void,
  listener: Listener,
  signal: AbortSignal,
  fetch: Fetch,
): Promise<boolean> {
  const silence = new AbortController();
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (last > 0) headers["last-event-id"] = String(last);
  const url = `/v1/flows/${encodeURIComponent(flowId)}/events`;
  const response = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.any([signal, silence.signal]) });
  if (response.status === 204 || response.body === null) return true;
  listener.link("live");
  let ended = false;
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for await (const events of pieces(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      take(events);
      for (const { type } of events) ended = type === "flow.completed" || (ended && type !== "flow.resumed");
    }
  } finally {
    clearTimeout(timer);
  }
  return ended;
}

/** The events of each piece that arrives; frames without an id (`stream.reconnect`) are no events. */
async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<FlowEvent[]> {
  let found: FlowEvent[] = [];
  const parser = createParser({
    onEvent: (frame) => {
      if (frame.id !== undefined) found.push(JSON.parse(frame.data) as FlowEvent);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      found = [];
      parser.feed(decoder.decode(value, { stream: true }));
      yield found;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Asking again would be answered the same: no such flow, no such key. Too many readers (429) may pass. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500 && error.status !== 429 && error.status !== 408;
}

/** Doubles, with jitter: a hundred tabs do not come back at the same moment. */
export function waitMs(failures: number, random: () => number = Math.random): number {
  return Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (0.5 + random() / 2);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
