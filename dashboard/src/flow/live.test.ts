import { expect, test } from "vitest";
import type { Flow } from "@/api/types";
import { newerThan, type Wanted, withChanges } from "./live";

const ALL: Wanted = { status: [], since: null, search: "" };
const flow = (id: string, minute: number, more: object = {}): Flow => ({ id, status: "in_progress", last_seq: 1, created_at: `2026-01-01T00:0${minute}:00.000Z`, ...more }) as unknown as Flow;
const told = (...flows: Flow[]): ReadonlyMap<string, Flow> => new Map(flows.map((one) => [one.id, one]));
const seen = (flows: Flow[]): string[] => flows.map((one) => `${one.id} ${one.status} ${one.last_seq}`);
const LISTED = [flow("c", 3), flow("b", 2)];

test("a flow that changes stays where it is", () => {
  expect(seen(withChanges(LISTED, told(flow("b", 2, { status: "approved", last_seq: 9 })), ALL, true))).toEqual(["c in_progress 1", "b approved 9"]);
});

test("what the list knows better than the stream is kept", () => {
  const newer = [flow("b", 2, { status: "approved", last_seq: 9 })];
  expect(seen(withChanges(newer, told(flow("b", 2, { last_seq: 4 })), ALL, true))).toEqual(["b approved 9"]);
});

test("a new flow comes in above, and an old one only where the list reaches down to it", () => {
  const changes = told(flow("d", 4), flow("a", 1));
  expect(seen(withChanges(LISTED, changes, ALL, true))).toEqual(["d in_progress 1", "c in_progress 1", "b in_progress 1", "a in_progress 1"]);
  expect(seen(withChanges(LISTED, changes, ALL, false))).toEqual(["d in_progress 1", "c in_progress 1", "b in_progress 1"]);
  expect(seen(withChanges([], changes, ALL, true))).toEqual(["d in_progress 1", "a in_progress 1"]);
});

test("what the filters no longer let through leaves", () => {
  const changes = told(flow("c", 3, { status: "approved", last_seq: 5 }), flow("d", 4, { status: "approved" }));
  expect(seen(withChanges(LISTED, changes, { ...ALL, status: ["in_progress"] }, true))).toEqual(["b in_progress 1"]);
  expect(seen(withChanges(LISTED, told(flow("a", 1)), { ...ALL, since: "2026-01-01T00:02:30Z" }, true))).toEqual(["c in_progress 1"]);
});

test("a search is the server's: new flows are named to be asked for, not taken in", () => {
  const changes = told(flow("d", 4), flow("a", 1), flow("c", 3, { last_seq: 2 }));
  expect(seen(withChanges(LISTED, changes, { ...ALL, search: "x" }, true))).toEqual(["c in_progress 2", "b in_progress 1"]);
  expect(newerThan(LISTED, changes)).toEqual(["d"]);
});
