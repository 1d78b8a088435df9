/** What a flow's states and reasons are called, for people. */
import type { Flow, FlowStatus, Reason } from "@/api/types";
import { ENDED } from "@/api/types";
import { visible } from "@/lib/visible";

/** The tone in which one says how something went. */
export type Outcome = "good" | "bad" | "warn" | "plain";

const REASONS: Partial<Record<Reason, string>> = {
  review: "by the reviewer",
  person: "by a person",
  max_rounds: "out of rounds",
  no_progress: "no progress",
  policy: "against the policy",
  budget: "budget used up",
  limit_reached: "daily limit reached",
  upstream: "no model answered",
  review_unreadable: "review unreadable",
  plan_unreadable: "plan unreadable",
  state: "its state is lost",
  internal: "an error of the server",
  crashed: "crashed again and again",
  user: "by you",
  disabled: "its account is disabled",
};

/** A later server may know reasons that are not named here. */
export function reasonWord(reason: Reason): string {
  return REASONS[reason] ?? reason.replaceAll("_", " ");
}

const RESUMABLE: ReadonlySet<Reason> = new Set(["max_rounds", "no_progress"]);

export function hasEnded(status: FlowStatus): boolean {
  return ENDED.has(status);
}

/** Of failed flows all but one whose state is lost; of rejected ones those that ran out of something; and
 * what stopped because its owner's account was disabled. */
export function canResume(flow: Flow): boolean {
  if (flow.reason === "disabled") return true;
  if (flow.status === "failed") return flow.reason !== "state";
  return flow.status === "rejected" && flow.reason !== null && RESUMABLE.has(flow.reason);
}

/** The first line that says something, as plain text. */
export function titleOf(task: string): string {
  const line = task.split("\n").find((one) => one.trim() !== "") ?? "";
  return visible(line.replace(/^#+\s*/, "").trim());
}

/** From the first start to the end, or to `now`; null before it started. */
export function elapsedMs(flow: Flow, now: number): number | null {
  if (!flow.started_at) return null;
  return (flow.completed_at ? Date.parse(flow.completed_at) : now) - Date.parse(flow.started_at);
}
