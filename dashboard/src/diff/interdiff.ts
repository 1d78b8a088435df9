/**
 * What changed from one patch to another of the same files, as a diff between what they make of them. The files
 * themselves are not needed: two patches can differ only where one of them has a hunk.
 */
import { diffArrays } from "diff";
import { type FileDiff, fileOf, type Hunk, type Line } from "./model";

const CONTEXT = 3;
const AT_MOST_MS = 1_500;

export function interdiff(before: readonly FileDiff[], after: readonly FileDiff[]): FileDiff[] {
  const paths = [...new Set([...after, ...before].map((file) => file.path))];
  return paths.flatMap((path) => {
    const [a, b] = [before, after].map((files) => files.find((file) => file.path === path));
    const base = baseOf([a, b]);
    const hunks = hunksBetween(made(a, base), made(b, base));
    return hunks.length ? [fileOf(path, kindOf(a, b), hunks)] : [];
  });
}

function kindOf(a: FileDiff | undefined, b: FileDiff | undefined): FileDiff["kind"] {
  const there = (file: FileDiff | undefined): boolean => file?.kind !== "deleted" && (file !== undefined || (a ?? b)?.kind !== "created");
  if (there(a) === there(b)) return "modified";
  return there(b) ? "created" : "deleted";
}

/** The lines before that either of them shows. */
function baseOf(files: readonly (FileDiff | undefined)[]): Map<number, string> {
  const base = new Map<number, string>();
  for (const file of files) {
    for (const hunk of file?.hunks ?? []) {
      for (const line of hunk.lines) if (line.old !== null) base.set(line.old, line.text);
    }
  }
  return base;
}

interface Made {
  readonly text: string;
  /** its number in the file that the patch makes */
  readonly at: number;
}

/** What the patch makes of these lines. */
function made(file: FileDiff | undefined, base: ReadonlyMap<number, string>): Made[] {
  const removed = new Set<number>();
  const inserted = new Map<number, string[]>();
  for (const hunk of file?.hunks ?? []) {
    let at = hunk.oldStart;
    for (const line of hunk.lines) {
      if (line.kind === "added") {
        const there = inserted.get(at);
        if (there) there.push(line.text);
        else inserted.set(at, [line.text]);
      } else {
        if (line.kind === "removed") removed.add(at);
        at = (line.old ?? at) + 1;
      }
    }
  }
  let shift = 0;
  return [...new Set([...base.keys(), ...inserted.keys()])]
    .sort((a, b) => a - b)
    .flatMap((at) => {
      const lines = (inserted.get(at) ?? []).map((text) => ({ text, at: at + shift++ }));
      const kept = base.get(at);
      if (removed.has(at)) shift--;
      else if (kept !== undefined) lines.push({ text: kept, at: at + shift });
      return lines;
    });
}

function hunksBetween(before: readonly Made[], after: readonly Made[]): Hunk[] {
  const parts = diffArrays(before.map((line) => line.text), after.map((line) => line.text), { timeout: AT_MOST_MS });
  const changes = parts ?? [
    { removed: true, added: false, value: before.map((line) => line.text) },
    { removed: false, added: true, value: after.map((line) => line.text) },
  ];
  const lines: Line[] = [];
  let [a, b] = [0, 0];
  for (const part of changes) {
    for (const text of part.value) {
      if (part.removed) lines.push({ kind: "removed", text, old: before[a++]?.at ?? null, new: null });
      else if (part.added) lines.push({ kind: "added", text, old: null, new: after[b++]?.at ?? null });
      else lines.push({ kind: "context", text, old: before[a++]?.at ?? null, new: after[b++]?.at ?? null });
    }
  }
  return cut(lines);
}

/** Hunks of what changed, with a few lines around; never over a stretch that neither patch shows. */
function cut(lines: readonly Line[]): Hunk[] {
  const wanted = lines.map((_, index) => lines.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some((line) => line.kind !== "context"));
  const hunks: Line[][] = [];
  lines.forEach((line, index) => {
    if (!wanted[index]) return;
    const last = hunks.at(-1);
    const begins = !last || !wanted[index - 1] || jumps(lines[index - 1], line);
    if (begins) hunks.push([line]);
    else last.push(line);
  });
  return hunks
    .filter((hunk) => hunk.some((line) => line.kind !== "context"))
    .map((hunk) => ({ oldStart: first(hunk, "old"), newStart: first(hunk, "new"), lines: hunk }));
}

function jumps(before: Line | undefined, line: Line): boolean {
  const over = (a: number | null | undefined, b: number | null): boolean => a !== null && a !== undefined && b !== null && b !== a + 1;
  return over(before?.old, line.old) || over(before?.new, line.new);
}

function first(hunk: readonly Line[], side: "old" | "new"): number {
  return hunk.find((line) => line[side] !== null)?.[side] ?? 1;
}
