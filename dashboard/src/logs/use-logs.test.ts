import { expect, test } from "vitest";
import { wantedOf } from "./use-logs";

const now = Date.UTC(2026, 10, 29, 12, 0, 30);
const of = (query: string) => wantedOf(new URLSearchParams(query), now);

test("an address without filters asks for everything", () => expect(of("")).toEqual({}));
test("filters are asked for in the API's words", () =>
  expect(of("stage=code&status=error&model=deepseek-v3&session=a%20b&span=24h")).toEqual({
    stage: "code", status: "error", model: "deepseek-v3", session_id: "a b", since: "2026-11-28T12:00:00.000Z",
  }));
test("what is no word of the API's is left out", () => expect(of("stage=%3Cscript%3E&status=fine&span=9y&model=%20")).toEqual({}));
