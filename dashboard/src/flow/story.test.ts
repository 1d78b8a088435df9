import { describe, expect, test } from "vitest";
import type { FlowEvent } from "@/api/types";
import { outcomeOf, storyOf } from "./story";

let seq = 0;
const event = (type: string, at: number, more: Partial<FlowEvent> = {}): FlowEvent => ({
  seq: ++seq, type, at: new Date(at).toISOString(), round: null, step: null, stage: null, model: null,
  input_tokens: null, output_tokens: null, cost_usd: null, duration_ms: null, data: {}, ...more,
});

describe("a flow's story", () => {
  test("has a bar for each step, with what it took and how it went", () => {
    const story = storyOf([
      event("flow.queued", 0),
      event("step.started", 10, { step: 1, stage: "code", round: 1, data: { node: "code" } }),
      event("step.progressed", 15, { step: 1, data: { output_chars: 42 } }),
      event("step.completed", 20, { step: 1, model: "deepseek-v3", input_tokens: 5, output_tokens: 7, cost_usd: 0.5, data: { node: "code" } }),
      event("step.started", 21, { step: 2, round: 1, data: { node: "check" } }),
      event("step.completed", 22, { step: 2, data: { node: "check" } }),
      event("diff.checked", 22, { step: 2, data: { status: "refused", code: "no_anchor" } }),
    ]);
    expect(story.steps).toMatchObject([
      { n: 1, lane: "code", round: 1, from: 10, to: 20, model: "deepseek-v3", tokens: 12, costUsd: 0.5, chars: 42 },
      { n: 2, lane: "check", to: 22 },
    ]);
    expect(outcomeOf(story.steps[1]!)).toEqual(["bad", "no_anchor"]);
    expect(story.to).toBeNull();
  });

  test("tells how tests went, and that skipped ones are no proof", () => {
    const tested = (type: string, data: Record<string, unknown>) => {
      const { steps } = storyOf([event("step.started", 10, { step: 3, round: 1, data: { node: "test" } }), event(type, 11, { step: 3, data }), event("step.completed", 12, { step: 3, data: { node: "test" } })]);
      expect(steps).toMatchObject([{ n: 3, lane: "tests", state: "completed" }]);
      return outcomeOf(steps[0]!);
    };
    expect(tested("tests.completed", { status: "passed", passed: 41 })).toEqual(["good", "41 passed"]);
    expect(tested("tests.completed", { status: "passed", passed: null })).toEqual(["good", "passed"]);
    expect(tested("tests.completed", { status: "failed", failed: 3, new_failures: ["a", "b"] })).toEqual(["bad", "2 new failures"]);
    const many = Array.from({ length: 50 }, (_, n) => `test ${n}`);
    expect(tested("tests.completed", { status: "failed", failed: 80, new_failures: many })).toEqual(["bad", "50 or more new failures"]);
    expect(tested("tests.completed", { status: "failed", timed_out: true })).toEqual(["bad", "timed out"]);
    expect(tested("tests.completed", { status: "failed_before", failed: 1 })).toEqual(["warn", "failed as before"]);
    expect(tested("tests.skipped", { status: "skipped", message: "no sandbox" })).toEqual(["warn", "skipped"]);
    expect(tested("tests.completed", { status: "not_as_today" })).toEqual(["plain", "not as today"]);
  });

  test("closes what was under way when the flow ended", () => {
    const story = storyOf([
      event("step.started", 10, { step: 1, data: { node: "plan" } }),
      event("flow.completed", 30, { data: { status: "cancelled" } }),
    ]);
    expect(story.steps).toMatchObject([{ to: 30, state: "cancelled" }]);
    expect(story.to).toBe(30);
  });

  test("goes on when the flow is resumed, and counts what was begun again", () => {
    const story = storyOf([
      event("step.started", 10, { step: 1, data: { node: "plan" } }),
      event("step.started", 20, { step: 1, data: { node: "plan" } }),
      event("flow.completed", 30, { data: { status: "failed" } }),
      event("flow.resumed", 40),
    ]);
    expect(story.steps).toMatchObject([{ restarts: 1 }]);
    expect(story.to).toBeNull();
  });

  test("a step that a resume begins again runs, and what lay between was no work", () => {
    const events = [
      event("step.started", 10, { step: 1, data: { node: "plan" } }),
      event("flow.completed", 30, { data: { status: "failed" } }),
      event("flow.resumed", 4_000),
      event("step.started", 5_000, { step: 1, data: { node: "plan", again: true } }),
    ];
    expect(storyOf(events).steps).toMatchObject([{ from: 5_000, to: null, state: "running", restarts: 1 }]);
  });

  test("says how a person decided", () => {
    const { steps } = storyOf([
      event("step.started", 10, { step: 4, data: { node: "approve_plan" } }),
      event("step.completed", 11, { step: 4, data: { node: "approve_plan", decision: "revise" } }),
    ]);
    expect(outcomeOf(steps[0]!)).toEqual(["warn", "revise"]);
  });

  test("knows from when to when a person was waited for", () => {
    const { waits } = storyOf([
      event("approval.requested", 10, { data: { gate: "plan" } }),
      event("approval.decided", 90, { data: { gate: "plan", decision: "approve" } }),
      event("approval.requested", 100, { data: { gate: "patch" } }),
    ]);
    expect(waits).toEqual([
      { gate: "plan", from: 10, to: 90, decision: "approve" },
      { gate: "patch", from: 100, to: null, decision: null },
    ]);
  });
});
