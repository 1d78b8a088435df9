/** A flow's events, told as what the timeline draws: steps, waits for a person, rounds. */
import type { Finding, FlowEvent, Problem, Repair } from "@/api/types";
import { NO_TESTS, outcomeOfTests, type Tested } from "./tested";
import type { Outcome } from "./words";

export const LANES = ["plan", "code", "check", "tests", "review", "person"] as const;
export type Lane = (typeof LANES)[number];
export type StepState = "running" | "completed" | "failed" | "cancelled";

export interface Check {
  readonly status: "accepted" | "refused";
  readonly code: string | null;
  readonly problems: readonly Problem[];
  readonly repairs: readonly Repair[];
  readonly breaches: readonly Finding[];
  readonly files: readonly { readonly path: string; readonly added: number; readonly removed: number }[];
}

export interface Review {
  readonly verdict: string;
  readonly summary: string;
  readonly findings: readonly Finding[];
}

export interface StepBar {
  readonly n: number;
  readonly node: string;
  readonly lane: Lane;
  /** 0: planning */
  readonly round: number;
  readonly from: number;
  /** null while it runs */
  readonly to: number | null;
  readonly state: StepState;
  readonly model: string | null;
  readonly tokens: number;
  readonly costUsd: number;
  /** characters of the answer so far */
  readonly chars: number;
  /** how often it was begun again, after a process had died or the flow was resumed */
  readonly restarts: number;
  /** taken over from the flow that this one was forked from */
  readonly copied: boolean;
  readonly check: Check | null;
  readonly tests: Tested | null;
  readonly review: Review | null;
  /** a person's word, at a gate */
  readonly decision: string | null;
}

export interface Wait {
  readonly gate: string;
  readonly from: number;
  readonly to: number | null;
  readonly decision: string | null;
}

export interface Story {
  readonly steps: readonly StepBar[];
  readonly waits: readonly Wait[];
  readonly from: number | null;
  /** null while the flow goes on */
  readonly to: number | null;
}

const LANE_OF: Readonly<Record<string, Lane>> = { plan: "plan", code: "code", check: "check", test: "tests", review: "review", approve_plan: "person", approve_patch: "person" };

/** What an older flow does not tell is empty. */
const NO_CHECK: Check = { status: "refused", code: null, problems: [], repairs: [], breaches: [], files: [] };
const NO_REVIEW: Review = { verdict: "", summary: "", findings: [] };

type Draft<T> = { -readonly [K in keyof T]: T[K] };

export function storyOf(events: readonly FlowEvent[]): Story {
  const steps = new Map<number, Draft<StepBar>>();
  const waits: Draft<Wait>[] = [];
  let from: number | null = null;
  let to: number | null = null;
  for (const event of events) {
    const at = Date.parse(event.at);
    from ??= at;
    const step = event.step === null ? undefined : steps.get(event.step);
    switch (event.type) {
      case "step.started":
        if (event.step !== null) steps.set(event.step, again(step, begun(event, event.step, at)));
        to = null;
        break;
      case "step.progressed":
        if (step) step.chars = Number(event.data.output_chars) || step.chars;
        break;
      case "step.completed":
        if (step) complete(step, event, at);
        break;
      case "diff.checked":
        if (step) step.check = { ...NO_CHECK, ...(event.data as Partial<Check>) };
        break;
      case "tests.completed":
      case "tests.skipped":
        if (step) step.tests = { ...NO_TESTS, ...(event.data as Partial<Tested>) };
        break;
      case "review.completed":
        if (step) step.review = { ...NO_REVIEW, ...(event.data as Partial<Review>) };
        break;
      case "approval.requested":
        waits.push({ gate: String(event.data.gate), from: at, to: null, decision: null });
        break;
      case "approval.decided":
        endWait(waits, at, String(event.data.decision));
        break;
      case "flow.resumed":
        to = null;
        break;
      case "flow.completed":
        to = at;
        endWait(waits, at, null);
        for (const one of steps.values()) if (one.to === null) stop(one, at, event.data.status === "cancelled" ? "cancelled" : "failed");
        break;
      default: // what a later version tells stands in the list of events
    }
  }
  return { steps: [...steps.values()].sort((a, b) => a.n - b.n), waits, from, to };
}

function begun(event: FlowEvent, n: number, at: number): Draft<StepBar> {
  const node = String(event.data.node ?? event.stage ?? "step");
  return {
    n,
    node,
    lane: LANE_OF[node] ?? "check",
    round: event.round ?? 0,
    from: at,
    to: null,
    state: "running",
    model: event.model,
    tokens: 0,
    costUsd: 0,
    chars: 0,
    restarts: 0,
    copied: event.data.copied === true,
    check: null,
    tests: null,
    review: null,
    decision: null,
  };
}

/** After a death it may have gone on until now; after a resume it had stopped, with its flow, and begins here. */
function again(before: StepBar | undefined, step: Draft<StepBar>): Draft<StepBar> {
  return before ? { ...step, from: before.to === null ? before.from : step.from, restarts: before.restarts + 1 } : step;
}

function complete(step: Draft<StepBar>, event: FlowEvent, at: number): void {
  stop(step, at, "completed");
  step.model = event.model ?? step.model;
  step.tokens = (event.input_tokens ?? 0) + (event.output_tokens ?? 0);
  step.costUsd = event.cost_usd ?? 0;
  step.copied ||= event.data.copied === true;
  step.decision = typeof event.data.decision === "string" ? event.data.decision : null;
}

function stop(step: Draft<StepBar>, at: number, state: StepState): void {
  step.to = at;
  step.state = state;
}

function endWait(waits: Draft<Wait>[], at: number, decision: string | null): void {
  const open = waits.at(-1);
  if (!open || open.to !== null) return;
  open.to = at;
  open.decision = decision;
}

/** How a step went, in a word and a tone. */
export function outcomeOf(step: StepBar): readonly [Outcome, string] {
  if (step.decision) return verdict(step.decision);
  if (step.check) return step.check.status === "accepted" ? ["good", "accepted"] : ["bad", step.check.code ?? "refused"];
  if (step.tests) return outcomeOfTests(step.tests);
  if (step.review) return verdict(step.review.verdict);
  if (step.state === "failed") return ["bad", "failed"];
  if (step.state === "cancelled") return ["plain", "cancelled"];
  return ["plain", step.state === "running" ? "running" : "done"];
}

function verdict(word: string): readonly [Outcome, string] {
  return [word === "approve" ? "good" : word === "revise" ? "warn" : "bad", word];
}
