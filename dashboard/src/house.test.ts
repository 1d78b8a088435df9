import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test.") && !name.endsWith("schema.d.ts"))
  .map((name) => [name, readFileSync(join(import.meta.dirname, name), "utf8")] as const);

test("no text becomes HTML but through React", () => {
  expect(sources.length).toBeGreaterThan(30);
  const found = sources.filter(([, text]) => /dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|new Function|\beval\(/.test(text));
  expect(found.map(([name]) => name)).toEqual([]);
});

test("the key goes into headers alone, and lives in session storage alone; what lasts is Supabase's", () => {
  const found = sources.filter(([, text]) => /localStorage|document\.cookie|[?&](key|token)=/.test(text));
  expect(found.map(([name]) => name).sort()).toEqual(["api/session.ts", "api/supabase.ts"]);
});

test("no source file is longer than 300 lines", () => {
  expect(sources.filter(([, text]) => text.split("\n").length > 300).map(([name]) => name)).toEqual([]);
});
