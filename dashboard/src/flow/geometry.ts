/**
 * Time on a line of length 1. Stretches in which nothing ran (a queue, a person who slept over it) are folded to a
 * narrow band, so that what ran is drawn to scale.
 */

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A stretch of time and where it lies. */
export interface Piece extends Span {
  readonly x0: number;
  readonly x1: number;
  readonly folded: boolean;
}

export interface Scale {
  readonly pieces: readonly Piece[];
  /** Where a moment lies, 0 to 1. */
  readonly x: (at: number) => number;
}

/** A gap is folded when it is longer than this, and than this share of all that ran. */
const FOLD_FROM_MS = 1_500;
const FOLD_SHARE = 0.12;
/** A fold is as wide as this share of what is drawn to scale. */
const FOLD_WIDTH = 0.03;

export function scaleOf(busy: readonly Span[], whole: Span): Scale {
  const ran = merged(busy, whole);
  const total = ran.reduce((sum, span) => sum + span.to - span.from, 0) || whole.to - whole.from || 1;
  const least = Math.max(FOLD_FROM_MS, total * FOLD_SHARE);
  const stretches = stretchesOf(ran, whole, least);
  const drawn = stretches.reduce((sum, one) => sum + (one.folded ? 0 : one.to - one.from), 0) || 1;
  const widths = stretches.map((one) => (one.folded ? drawn * FOLD_WIDTH : one.to - one.from));
  const width = widths.reduce((sum, one) => sum + one, 0) || 1;
  let x = 0;
  const pieces = stretches.map((one, index) => {
    const x0 = x;
    x += (widths[index] ?? 0) / width;
    return { ...one, x0, x1: x };
  });
  return { pieces, x: (at) => place(pieces, at) };
}

/** Sorted, clipped to `whole`, without overlaps. */
export function merged(spans: readonly Span[], whole: Span): Span[] {
  const found: { from: number; to: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const from = Math.max(span.from, whole.from);
    const to = Math.min(span.to, whole.to);
    const last = found.at(-1);
    if (to < from) continue;
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else found.push({ from, to });
  }
  return found;
}

/** What ran with the short gaps in it, and the long gaps between. */
function stretchesOf(ran: readonly Span[], whole: Span, least: number): (Span & { folded: boolean })[] {
  const found: { from: number; to: number; folded: boolean }[] = [];
  let at = whole.from;
  const go = (to: number, folded: boolean): void => {
    if (to <= at) return;
    const last = found.at(-1);
    if (last && !folded && !last.folded) last.to = to;
    else found.push({ from: at, to, folded });
    at = to;
  };
  for (const span of ran) {
    go(span.from, span.from - at >= least);
    go(span.to, false);
  }
  go(whole.to, whole.to - at >= least);
  return found.length ? found : [{ ...whole, folded: false }];
}

function place(pieces: readonly Piece[], at: number): number {
  for (const piece of pieces) {
    if (at > piece.to) continue;
    const share = piece.to === piece.from ? 0 : Math.max(0, at - piece.from) / (piece.to - piece.from);
    return piece.x0 + share * (piece.x1 - piece.x0);
  }
  return 1;
}

const STEPS_MS = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000];

export interface Tick {
  readonly x: number;
  /** since the beginning */
  readonly ms: number;
}

/** Round moments since the beginning, about `wanted` of them, none within a fold. */
export function ticksOf(scale: Scale, begin: number, wanted: number): Tick[] {
  const open = scale.pieces.filter((piece) => !piece.folded);
  const length = open.reduce((sum, piece) => sum + piece.to - piece.from, 0);
  const step = STEPS_MS.find((one) => length / one <= wanted) ?? Math.ceil(length / wanted / 86_400_000) * 86_400_000;
  const ticks: Tick[] = [];
  for (const piece of open) {
    for (let ms = Math.ceil((piece.from - begin) / step) * step; ms <= piece.to - begin; ms += step) {
      const x = scale.x(begin + ms);
      if (x - (ticks.at(-1)?.x ?? -1) > 0.5 / wanted) ticks.push({ x, ms });
    }
  }
  return ticks;
}

export const ZOOM_MOST = 64;

/** The zoom after `by` steps, and the scroll that keeps what lies at `anchor` (pixels from the left edge) where it is. */
export function zoomed(zoom: number, by: number, scroll: number, anchor: number): { zoom: number; scroll: number } {
  const next = Math.min(ZOOM_MOST, Math.max(1, zoom * 1.5 ** by));
  return { zoom: next, scroll: Math.max(0, ((scroll + anchor) * next) / zoom - anchor) };
}

export interface Placed {
  readonly n: number;
  readonly row: number;
  readonly from: number;
}

/** The step that an arrow key goes to from step `n`: in time, or to the nearest in another lane. */
export function neighbour(steps: readonly Placed[], n: number, key: string): number | null {
  const here = steps.find((step) => step.n === n);
  if (!here) return steps[0]?.n ?? null;
  const sorted = [...steps].sort((a, b) => a.from - b.from || a.n - b.n);
  const index = sorted.indexOf(here);
  switch (key) {
    case "ArrowRight":
      return sorted[index + 1]?.n ?? null;
    case "ArrowLeft":
      return sorted[index - 1]?.n ?? null;
    case "Home":
      return sorted[0]?.n ?? null;
    case "End":
      return sorted.at(-1)?.n ?? null;
    case "ArrowDown":
    case "ArrowUp":
      return nearestRow(steps, here, key === "ArrowDown" ? 1 : -1);
    default:
      return null;
  }
}

function nearestRow(steps: readonly Placed[], here: Placed, way: 1 | -1): number | null {
  const others = steps.filter((step) => Math.sign(step.row - here.row) === way);
  const row = way === 1 ? Math.min(...others.map((step) => step.row)) : Math.max(...others.map((step) => step.row));
  const near = others.filter((step) => step.row === row).sort((a, b) => Math.abs(a.from - here.from) - Math.abs(b.from - here.from));
  return near[0]?.n ?? null;
}
