import { describe, expect, test } from "vitest";
import type { Finding } from "@/api/types";
import { interdiff } from "./interdiff";
import { colour, languageOf, onColoured, partOf } from "./highlight";
import { filesOf, pairs, rowsOf } from "./model";
import { changedWords, marked } from "./words";

const PATCH = `diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -10,4 +10,5 @@
 def total(items):
-    return sum(items)
+    rounded = round(sum(items), 2)
+    return rounded
 
 # end
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+x = 1
+y = 2
\\ No newline at end of file
diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-gone
`;

const finding = (file: string, line: number | null): Finding => ({ severity: "high", file, line, rule: "r", message: "m" });

describe("a patch", () => {
  test("is read with its kinds, counts and line numbers", () => {
    const files = filesOf(PATCH);
    expect(files.map(({ path, kind, added, removed }) => [path, kind, added, removed])).toEqual([
      ["shop/cart.py", "modified", 2, 1],
      ["new.py", "created", 2, 0],
      ["old.py", "deleted", 0, 1],
    ]);
    expect(files[0]!.hunks[0]!.lines.map((line) => [line.old, line.new])).toEqual([[10, 10], [11, null], [null, 11], [null, 12], [12, 13], [13, 14]]);
    expect(files[1]!.hunks[0]!.lines.at(-1)).toMatchObject({ text: "y = 2", open: true });
  });

  test("lays removed lines beside those that stand in their place", () => {
    const [file] = filesOf(PATCH);
    expect(pairs(file!.hunks[0]!.lines).map(({ left, right }) => [left?.old ?? null, right?.new ?? null])).toEqual([[10, 10], [11, 11], [null, 12], [12, 13], [13, 14]]);
  });

  test("has findings below their lines, and those whose line is not shown at the head of their file", () => {
    const rows = rowsOf(filesOf(PATCH), "unified", new Set(), [finding("shop/cart.py", 12), finding("shop/cart.py", 999), finding("new.py", null)]);
    const where = rows.flatMap((row, index) => (row.kind === "findings" ? [[rows[index - 1]!.kind, row.findings[0]!.line]] : []));
    expect(where).toEqual([["file", 999], ["line", 12], ["file", null]]);
  });

  test("that is folded shows the names of its files alone", () => {
    const rows = rowsOf(filesOf(PATCH), "split", new Set(["new.py", "old.py", "shop/cart.py"]), []);
    expect(rows.map((row) => row.kind)).toEqual(["file", "file", "file"]);
  });
});

describe("between two patches of the same files", () => {
  const hunk = (...lines: string[]): string => `--- a/f.py\n+++ b/f.py\n${lines.join("\n")}\n`;

  test("nothing differs when they are the same, however much context they show", () => {
    const wide = filesOf(hunk("@@ -1,5 +1,5 @@", " a", " b", "-c", "+C", " d", " e"));
    const narrow = filesOf(hunk("@@ -3 +3 @@", "-c", "+C"));
    expect(interdiff(wide, narrow)).toEqual([]);
  });

  test("the lines that the second wrote otherwise stand with the numbers of the files that they make", () => {
    const before = filesOf(hunk("@@ -1,3 +1,4 @@", " a", "+one", " b", " c"));
    const after = filesOf(hunk("@@ -1,3 +1,4 @@", " a", "+two", " b", " c"));
    const [file] = interdiff(before, after);
    expect(file!.hunks[0]!.lines.filter((line) => line.kind !== "context")).toEqual([
      { kind: "removed", text: "one", old: 2, new: null },
      { kind: "added", text: "two", old: null, new: 2 },
    ]);
  });

  test("a hunk that only one of them has is undone or new, and far places are hunks of their own", () => {
    const before = filesOf(hunk("@@ -1,2 +1,3 @@", " a", "+x", " b", "@@ -90,2 +91,1 @@", " y", "-z"));
    const after = filesOf(hunk("@@ -1,2 +1,2 @@", "-a", "+A", " b"));
    const [file] = interdiff(before, after);
    expect(file!.hunks).toHaveLength(2);
    expect(file!.hunks[1]!.lines.at(-1)).toEqual({ kind: "added", text: "z", old: null, new: 91 });
  });

  test("a file that the second no longer creates is deleted", () => {
    const [file] = interdiff(filesOf("--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n"), []);
    expect(file).toMatchObject({ path: "n.py", kind: "deleted", removed: 1 });
  });
});

describe("lines", () => {
  test("that are alike have the words marked in which they differ", () => {
    const [mine, other] = ["return sum(items) + 1", "return sum(things) + 1"];
    expect(changedWords(mine, other, "old").map(({ from, to }) => mine.slice(from, to))).toEqual(["items"]);
    expect(changedWords(other, mine, "new").map(({ from, to }) => other.slice(from, to))).toEqual(["things"]);
  });

  test("that have little in common are not marked", () => expect(changedWords("abc def", "something else entirely", "old")).toEqual([]));

  test("keep their text, whatever is marked and coloured", () => {
    const pieces = marked([{ text: "def ", className: "k" }, { text: "total(items)" }], [{ from: 2, to: 9 }]);
    expect(pieces.map((piece) => piece.text).join("")).toBe("def total(items)");
    expect(pieces.filter((piece) => piece.changed).map((piece) => piece.text)).toEqual(["f ", "total"]);
  });

  test("are plain at first, then coloured by the language of their file, over line ends", async () => {
    const [file] = filesOf('--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n """a\n <script>\n-b"""\n+c"""\n');
    const { lines } = file!.hunks[0]!;
    const parts = lines.map((line) => partOf(file!.hunks[0]!, line));
    expect(parts.map((part) => part.colours)).toEqual([null, null, null, null]);
    const done = new Promise<void>((resolve) => onColoured(() => parts.every((part) => part.colours) && resolve()));
    for (const part of parts) colour(part, languageOf("a.py")!);
    await done;
    const tokens = lines.map((line, index) => parts[index]!.colours!.get(line)!);
    expect(tokens.map((line) => line.map((token) => token.text).join(""))).toEqual(lines.map((line) => line.text));
    expect(tokens[1]![0]!.className).toBe("hljs-string");
    expect(languageOf("Makefile")).toBe("makefile");
    expect(languageOf("unknown.zzz")).toBeNull();
  });
});

test("a file in which characters hide says so", () => {
  const hidden = (line: string): boolean => filesOf(`--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+${line}\n`)[0]!.hidden;
  expect(hidden("if access != 'user\u202e \u2066# admin':")).toBe(true);
  expect(hidden("if access != 'user':")).toBe(false);
});
