import { expect, test } from "vitest";
import { personOf } from "./session";

function token(claims: object): string {
  return `e30.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}.c2ln`;
}

test("a renewed token is the same person's, another's is not", () => {
  const of = (claims: object) => personOf({ kind: "supabase", token: token(claims) });
  expect(of({ sub: "ada", exp: 1 })).toBe("ada");
  expect(of({ sub: "ada", exp: 3601, note: "\u00ff\u00fe?>" })).toBe("ada");
  expect(of({ sub: "bob", exp: 1 })).toBe("bob");
});

test("a rotated key is the same person's, a token that says nobody's name its own", () => {
  expect(personOf({ kind: "key", token: "cfx-2" })).toBe(personOf({ kind: "key", token: "cfx-1" }));
  for (const odd of ["", "a", "a.b.c", "a.%.c", token({}), token({ sub: 7 })]) expect(personOf({ kind: "supabase", token: odd })).toBe(odd);
  expect(personOf(null)).toBeNull();
});
