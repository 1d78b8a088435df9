/** What is followed live: one flow's events, and the flows of a list. */
import type { Flow, FlowEvent } from "./types";
import { type Fetch, followStream, type Link } from "./stream";

export interface Listener {
  /** In order of `seq`, as many at a time as came in one piece. */
  readonly events: (events: FlowEvent[]) => void;
  readonly link: (link: Link, error?: Error) => void;
}

/** Until the flow has ended or `signal` aborts; no event is missed and none comes twice. */
export function followEvents(flowId: string, after: number, listener: Listener, signal: AbortSignal, fetch?: Fetch): Promise<void> {
  let last = after;
  const take = (events: FlowEvent[], over: boolean): boolean => {
    const fresh = events.filter((event) => event.seq > last);
    last = fresh.at(-1)?.seq ?? last;
    if (fresh.length > 0) listener.events(fresh);
    return events.reduce((was, { type }) => type === "flow.completed" || (was && type !== "flow.resumed"), over);
  };
  const url = `/v1/flows/${encodeURIComponent(flowId)}/events`;
  return followStream({ url, place: () => last, take }, listener.link, signal, fetch);
}

export interface ChangesListener {
  /** As they are now; one may come twice. */
  readonly flows: (flows: Flow[], place: number) => void;
  readonly link: (link: Link, error?: Error) => void;
}

/** All flows of who is signed in, until `signal` aborts. `after`: the place that `listener.flows` was told last, or 0. */
export function followChanges(after: number, listener: ChangesListener, signal: AbortSignal, fetch?: Fetch): Promise<void> {
  let last = after;
  const take = (events: FlowEvent[]): boolean => {
    if (events.length === 0) return false;
    last = events.at(-1)!.seq;
    listener.flows(events.map((event) => event.data as unknown as Flow), last);
    return false;
  };
  return followStream({ url: "/v1/flows/events", place: () => last, take }, listener.link, signal, fetch);
}
