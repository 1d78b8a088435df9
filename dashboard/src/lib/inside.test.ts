import { expect, test } from "vitest";
import { inside } from "./inside";

test.each([
  ["/flow?id=1&tab=steps#x", "/flow?id=1&tab=steps#x"],
  ["/", "/"],
  [null, "/"],
  ["", "/"],
  ["https://elsewhere.example/", "/"],
  ["//elsewhere.example", "/"],
  ["/\\elsewhere.example", "/"],
  ["/\t/elsewhere.example", "/"],
  ["/\n\\elsewhere.example", "/"],
  ["/.//elsewhere.example", "/"],
  ["javascript:alert(1)", "/"],
  ["/sign-in?to=/sign-in", "/"],
])("after sign-in %j leads to %j", (to, page) => expect(inside(to)).toBe(page));
