/** In which words two lines differ, and colours laid over that. Pure. */
import { diffWordsWithSpace } from "diff";

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Token {
  readonly text: string;
  readonly className?: string | undefined;
}

export interface Piece extends Token {
  readonly changed: boolean;
}

const LONGEST = 600;
/** Lines that have less in common are simply different: words marked all over say nothing. */
const LEAST_COMMON = 0.5;

/** The ranges of `mine` that are not in `other`; empty where marking them would not help. */
export function changedWords(mine: string, other: string, side: "old" | "new"): Range[] {
  if (mine.length > LONGEST || other.length > LONGEST) return [];
  const parts = side === "old" ? diffWordsWithSpace(mine, other) : diffWordsWithSpace(other, mine);
  const ranges: Range[] = [];
  let at = 0;
  let common = 0;
  for (const part of parts) {
    if (part[side === "old" ? "added" : "removed"]) continue;
    const to = at + part.value.length;
    if (part.added || part.removed) ranges.push({ from: at, to });
    else common += part.value.trim().length;
    at = to;
  }
  return common < LEAST_COMMON * mine.trim().length ? [] : ranges;
}

/** The tokens, cut where a range begins or ends. */
export function marked(tokens: readonly Token[], ranges: readonly Range[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const token of tokens) {
    const end = at + token.text.length;
    const edges = ranges.flatMap((range) => [range.from, range.to]).filter((edge) => edge > at && edge < end);
    const cuts = [at, ...edges, end];
    cuts.slice(0, -1).forEach((from, index) => {
      const to = cuts[index + 1] ?? end;
      const changed = ranges.some((range) => range.from <= from && range.to >= to);
      pieces.push({ text: token.text.slice(from - at, to - at), className: token.className, changed });
    });
    at = end;
  }
  return pieces;
}
