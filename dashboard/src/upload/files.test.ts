import { expect, test } from "vitest";
import { chosenFrom, commonRoot } from "./files";

const file = (path: string, content = "x") => ({ path, file: new File([content], path) });

test("a folder that was chosen is itself not part of the tree", () => {
  expect(chosenFrom([file("shop/a.py"), file("shop/lib/b.py")]).entries.map((entry) => entry.path)).toEqual(["a.py", "lib/b.py"]);
  expect(commonRoot(["a.py", "b.py"])).toBe("");
  expect(commonRoot(["one/a.py", "two/b.py"])).toBe("");
});

test("what is made, not written, is left out, and one is told", () => {
  const chosen = chosenFrom([file("shop/a.py"), file("shop/.git/HEAD"), file("shop/x/node_modules/y/z.js"), file("shop/big.bin", "x".repeat(5 * 1024 * 1024))]);
  expect(chosen.entries.map((entry) => entry.path)).toEqual(["a.py"]);
  expect(chosen.left).toEqual([".git (1)", "node_modules (1)", "larger than 4 MB (1)"]);
});
