/** A patch as files, hunks and numbered lines, and as the rows that a viewer draws. Pure. */
import { parsePatch } from "diff";
import type { Finding } from "@/api/types";
import { hasHidden } from "@/lib/visible";

export interface Line {
  readonly kind: "context" | "added" | "removed";
  readonly text: string;
  /** its number before; null: it was not there */
  readonly old: number | null;
  readonly new: number | null;
  /** the file ends with it, without a line end */
  readonly open?: boolean;
}

export interface Hunk {
  readonly oldStart: number;
  readonly newStart: number;
  readonly lines: readonly Line[];
}

export interface FileDiff {
  readonly path: string;
  readonly kind: "created" | "modified" | "deleted";
  readonly hunks: readonly Hunk[];
  readonly added: number;
  readonly removed: number;
  /** a line of it holds what is not seen, or turns others around */
  readonly hidden: boolean;
}

/** Raises for what is no diff. */
export function filesOf(patch: string): FileDiff[] {
  return parsePatch(patch)
    .filter((file) => file.oldFileName !== undefined || file.newFileName !== undefined)
    .map((file) => {
      const created = file.oldFileName === "/dev/null" || file.isCreate === true;
      const deleted = file.newFileName === "/dev/null" || file.isDelete === true;
      const name = (deleted ? file.oldFileName : file.newFileName) ?? "";
      const hunks = file.hunks.map((hunk) => numbered(hunk.oldStart, hunk.newStart, hunk.lines));
      return fileOf(name.replace(/^[ab]\//, ""), created ? "created" : deleted ? "deleted" : "modified", hunks);
    });
}

export function fileOf(path: string, kind: FileDiff["kind"], hunks: readonly Hunk[]): FileDiff {
  const amount = (wanted: Line["kind"]): number => hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.kind === wanted).length, 0);
  return { path, kind, hunks, added: amount("added"), removed: amount("removed"), hidden: hunks.some((hunk) => hunk.lines.some((line) => hasHidden(line.text))) };
}

function numbered(oldStart: number, newStart: number, texts: readonly string[]): Hunk {
  const lines: { -readonly [K in keyof Line]: Line[K] }[] = [];
  let [before, after] = [oldStart, newStart];
  for (const text of texts) {
    const rest = text.slice(1);
    if (text[0] === "+") lines.push({ kind: "added", text: rest, old: null, new: after++ });
    else if (text[0] === "-") lines.push({ kind: "removed", text: rest, old: before++, new: null });
    else if (text[0] === "\\") {
      const last = lines.at(-1);
      if (last) last.open = true;
    } else lines.push({ kind: "context", text: rest, old: before++, new: after++ });
  }
  return { oldStart, newStart, lines };
}

export type Row =
  | { readonly kind: "file"; readonly file: FileDiff; readonly folded: boolean }
  | { readonly kind: "hunk"; readonly file: FileDiff; readonly hunk: Hunk }
  /** unified: one of the two, or both the same; split: what stands at the left and at the right */
  | { readonly kind: "line"; readonly file: FileDiff; readonly hunk: Hunk; readonly left: Line | null; readonly right: Line | null }
  | { readonly kind: "findings"; readonly file: FileDiff; readonly findings: readonly Finding[] }
  | { readonly kind: "empty"; readonly file: FileDiff };

export type Layout = "split" | "unified";

export function rowsOf(files: readonly FileDiff[], layout: Layout, folded: ReadonlySet<string>, findings: readonly Finding[]): Row[] {
  return files.flatMap((file): Row[] => {
    const head: Row = { kind: "file", file, folded: folded.has(file.path) };
    if (head.folded) return [head];
    const mine = findings.filter((finding) => finding.file === file.path);
    const rows: Row[] = [head];
    const loose = mine.filter((finding) => !isShown(file, finding.line));
    if (loose.length) rows.push({ kind: "findings", file, findings: loose });
    if (file.hunks.length === 0) rows.push({ kind: "empty", file });
    for (const hunk of file.hunks) {
      rows.push({ kind: "hunk", file, hunk });
      for (const pair of layout === "split" ? pairs(hunk.lines) : hunk.lines.map(single)) {
        rows.push({ kind: "line", file, hunk, ...pair });
        const here = pair.right?.new ? mine.filter((finding) => finding.line === pair.right?.new) : [];
        if (here.length) rows.push({ kind: "findings", file, findings: here });
      }
    }
    return rows;
  });
}

function isShown(file: FileDiff, line: number | null): boolean {
  return line !== null && file.hunks.some((hunk) => hunk.lines.some((one) => one.new === line));
}

interface Pair {
  readonly left: Line | null;
  readonly right: Line | null;
}

function single(line: Line): Pair {
  return { left: line.kind === "added" ? null : line, right: line.kind === "removed" ? null : line };
}

/** Removed lines beside the added ones that stand in their place. */
export function pairs(lines: readonly Line[]): Pair[] {
  const found: Pair[] = [];
  let removed: Line[] = [];
  let added: Line[] = [];
  const flush = (): void => {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) found.push({ left: removed[index] ?? null, right: added[index] ?? null });
    removed = [];
    added = [];
  };
  for (const line of lines) {
    if (line.kind === "removed") {
      if (added.length) flush();
      removed.push(line);
    } else if (line.kind === "added") added.push(line);
    else {
      flush();
      found.push({ left: line, right: line });
    }
  }
  flush();
  return found;
}

/** Line → the line that stands beside it in a split view, for the words in which they differ. */
export function counterparts(hunk: Hunk): ReadonlyMap<Line, Line> {
  const found = new Map<Line, Line>();
  for (const { left, right } of pairs(hunk.lines)) {
    if (left && right && left !== right) found.set(left, right).set(right, left);
  }
  return found;
}
