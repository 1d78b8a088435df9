/**
 * Server-sent events, live. The browser's own EventSource cannot send a key, so a stream is read by `fetch`; it comes
 * back after any break with `Last-Event-ID`.
 */
import { createParser } from "eventsource-parser";
import { ApiError, call } from "./client";
import type { FlowEvent } from "./types";

export type Link = "connecting" | "live" | "broken" | "ended";
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Source {
  readonly url: string;
  /** What a reader that comes back names as its place; 0: it is new. */
  readonly place: () => number;
  /** As many at a time as came in one piece. `over`, and what it answers: nothing more comes once this stream closes. */
  readonly take: (events: FlowEvent[], over: boolean) => boolean;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server sends a comment every 15 s: who hears nothing for much longer is connected to nobody. */
const SILENCE_MS = 45_000;

/** Follows until the source is over or `signal` aborts. */
export async function followStream(source: Source, link: (link: Link, error?: Error) => void, signal: AbortSignal, fetch: Fetch = call): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      let over = false;
      for await (const events of streamed(source, link, signal, fetch)) {
        failures = 0;
        over = events === null || source.take(events, over);
      }
      if (over) return link("ended");
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return link("ended", error as Error);
      link("broken", error instanceof Error ? error : undefined);
    }
    await pause(waitMs(failures++), signal);
  }
}

/** One stream, to its end; null: there is nothing to come back for. A wish to come back (`stream.reconnect`) has no id. */
async function* streamed(source: Source, link: (link: Link) => void, signal: AbortSignal, fetch: Fetch): AsyncGenerator<FlowEvent[] | null> {
  const silence = new AbortController();
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (source.place() > 0) headers["last-event-id"] = String(source.place());
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await fetch(source.url, { headers, cache: "no-store", signal: AbortSignal.any([signal, silence.signal]) });
    if (response.status === 204 || response.body === null) return yield null;
    link("live");
    for await (const frames of pieces(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      if (frames.length > 0) yield frames.filter((frame) => frame.id !== undefined).map((frame) => JSON.parse(frame.data) as FlowEvent);
    }
  } finally {
    clearTimeout(timer);
  }
}

interface Frame {
  readonly id?: string | undefined;
  readonly data: string;
}

async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame[]> {
  let found: Frame[] = [];
  const parser = createParser({ onEvent: (frame) => found.push(frame) });
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
