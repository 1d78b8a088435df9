import { expect, test } from "vitest";
import type { Flow } from "@/api/types";
import { isLike } from "./use-flows";

const flow = { id: "ab12", task: "Round the total\nonce", reason: "budget", workspace: null, stages: { code: { model: "deepseek-v3" } } } as unknown as Flow;

test.each([
  ["round", true],
  ["TOTAL once", true],
  ["deepseek round", true],
  ["ab12", true],
  ["budget", true],
  ["round twice", false],
])("a search for %j", (search, found) => expect(isLike(flow, search)).toBe(found));
