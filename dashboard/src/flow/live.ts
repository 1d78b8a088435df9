/** A list as the API gave it, with what has changed since. */
import type { Flow, FlowStatus } from "@/api/types";

export interface Wanted {
  readonly status: readonly FlowStatus[];
  readonly since: string | null;
  /** What the server looks for in texts. */
  readonly search: string;
}

/**
 * In place, in the order of the API: newest first. `whole`: nothing is below the last of `flows`. A flow that is not among
 * them comes in where it belongs, unless there is a search: see `newerThan`.
 */
export function withChanges(flows: readonly Flow[], changes: ReadonlyMap<string, Flow>, wanted: Wanted, whole: boolean): Flow[] {
  if (changes.size === 0) return [...flows];
  const end = whole ? "" : (flows.at(-1)?.created_at ?? "");
  const fresh = wanted.search ? [] : strangersTo(flows, changes).filter((flow) => flow.created_at > end);
  const now = flows.map((flow) => newerOf(flow, changes.get(flow.id)));
  return [...fresh, ...now].filter((flow) => isWanted(flow, wanted)).sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0));
}

/** Ids of flows above the list, of which the server alone can say whether it would find them. */
export function newerThan(flows: readonly Flow[], changes: ReadonlyMap<string, Flow>): string[] {
  const newest = flows[0]?.created_at ?? "";
  return strangersTo(flows, changes).filter((flow) => flow.created_at > newest).map((flow) => flow.id);
}

function strangersTo(flows: readonly Flow[], changes: ReadonlyMap<string, Flow>): Flow[] {
  const listed = new Set(flows.map((flow) => flow.id));
  return [...changes.values()].filter((flow) => !listed.has(flow.id));
}

function newerOf(flow: Flow, change: Flow | undefined): Flow {
  return change && change.last_seq >= flow.last_seq ? change : flow;
}

function isWanted(flow: Flow, { status, since }: Wanted): boolean {
  return (status.length === 0 || status.includes(flow.status)) && (!since || Date.parse(flow.created_at) >= Date.parse(since));
}
