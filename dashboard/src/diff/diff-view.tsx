"use client";

import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { ChevronDown, ChevronRight } from "lucide-react";
import { memo, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { Finding } from "@/api/types";
import { Badge } from "@/components/ui";
import { FindingLine } from "@/flow/findings";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { colour, languageOf, onColoured, partOf } from "./highlight";
import { counterparts, type FileDiff, type Hunk, type Layout, type Line, type Row, rowsOf } from "./model";
import { changedWords, marked, type Token } from "./words";

/** What was minified has lines of a megabyte. */
const LONGEST = 4_000;
const HEIGHTS: Record<Row["kind"], number> = { file: 40, hunk: 26, line: 20, findings: 72, empty: 36 };

export interface DiffHandle {
  readonly show: (path: string) => void;
}

interface Props {
  readonly files: readonly FileDiff[];
  readonly layout: Layout;
  readonly findings?: readonly Finding[];
  readonly handle?: React.Ref<DiffHandle>;
  readonly className?: string;
}

/** Only the lines in sight are drawn; the head of the file that one reads stays at the top. */
export function DiffView({ files, layout, findings = NONE, handle, className }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [folded, fold] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => rowsOf(files, layout, folded, findings), [files, layout, folded, findings]);
  const heads = useMemo(() => rows.flatMap((row, index) => (row.kind === "file" ? [index] : [])), [rows]);
  const current = useRef(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => HEIGHTS[rows[index]?.kind ?? "line"],
    overscan: 20,
    rangeExtractor: useCallback(
      (range: Range) => {
        current.current = heads.findLast((head) => head <= range.startIndex) ?? 0;
        return [...new Set([current.current, ...defaultRangeExtractor(range)])].sort((a, b) => a - b);
      },
      [heads],
    ),
  });
  useImperativeHandle(handle, () => ({
    show: (path) => virtual.scrollToIndex(rows.findIndex((row) => row.kind === "file" && row.file.path === path), { align: "start" }),
  }));
  const toggle = useCallback((path: string) => {
    fold((now) => {
      const next = new Set(now);
      if (!next.delete(path)) next.add(path);
      return next;
    });
  }, []);
  return (
    <div ref={frame} tabIndex={0} role="region" aria-label="Diff" className={clsx("overflow-auto font-mono text-xs leading-5", className)}>
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          const sticky = item.index === current.current && row?.kind === "file";
          return (
            row && (
              <div key={item.key} data-index={item.index} ref={virtual.measureElement} className={clsx("w-full", sticky ? "sticky top-0 z-10" : "absolute top-0 left-0")} style={sticky ? undefined : { transform: `translateY(${item.start}px)` }}>
                <RowView row={row} layout={layout} toggle={toggle} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

const NONE: readonly Finding[] = [];

const RowView = memo(function RowView({ row, layout, toggle }: { row: Row; layout: Layout; toggle: (path: string) => void }) {
  switch (row.kind) {
    case "file":
      return <FileHead row={row} toggle={toggle} />;
    case "hunk":
      return (
        <div className="border-y border-line/50 bg-code/5 px-4 py-0.5 text-faint select-none">
          lines {row.hunk.oldStart} → {row.hunk.newStart}
        </div>
      );
    case "findings":
      return (
        <div className="border-y border-review/25 bg-review/6 px-4 py-2.5 font-sans">
          <div className="max-w-3xl space-y-3">
            {row.findings.map((finding, index) => (
              <FindingLine key={index} finding={finding} />
            ))}
          </div>
        </div>
      );
    case "empty":
      return <p className="px-4 py-2 font-sans text-muted">No line of text changes.</p>;
    case "line":
      return layout === "split" ? <SplitLine row={row} /> : <UnifiedLine row={row} />;
  }
});

const KINDS = { created: "good", modified: "plain", deleted: "bad" } as const;

function FileHead({ row, toggle }: { row: Extract<Row, { kind: "file" }>; toggle: (path: string) => void }) {
  const { file, folded } = row;
  const Icon = folded ? ChevronRight : ChevronDown;
  return (
    <div className="flex h-10 items-center gap-2 border-y border-line bg-raised px-3 font-sans">
      <button type="button" aria-expanded={!folded} aria-label={`${folded ? "Unfold" : "Fold"} ${file.path}`} onClick={() => toggle(file.path)} className="rounded p-0.5 text-muted hover:bg-white/8 hover:text-ink">
        <Icon aria-hidden className="size-4" />
      </button>
      <span className="min-w-0 truncate font-mono text-xs" title={visible(file.path)} dir="ltr">
        {visible(file.path)}
      </span>
      {file.hidden && (
        <Badge tone="warn">
          <span title="They are written out as ⟨U+…⟩: they can make code look like other code.">hidden characters</span>
        </Badge>
      )}
      {file.kind !== "modified" && <Badge tone={KINDS[file.kind]}>{file.kind}</Badge>}
      <Counts file={file} className="ml-auto" />
    </div>
  );
}

export function Counts({ file, className }: { file: { readonly added: number; readonly removed: number }; className?: string }) {
  return (
    <span className={clsx("num shrink-0 text-xs", className)}>
      <span className="text-good">+{file.added}</span> <span className="text-bad">−{file.removed}</span>
    </span>
  );
}

type LineRow = Extract<Row, { kind: "line" }>;

const GROUND = { context: "", added: "bg-good/9", removed: "bg-bad/9" };
const SIGNS = { context: " ", added: "+", removed: "−" };

function UnifiedLine({ row }: { row: LineRow }) {
  const line = row.right ?? row.left;
  if (!line) return null;
  return (
    <div className={clsx("flex", GROUND[line.kind])}>
      <Number of={line.old} />
      <Number of={line.new} />
      <Text row={row} line={line} />
    </div>
  );
}

function SplitLine({ row }: { row: LineRow }) {
  return (
    <div className="grid grid-cols-2">
      <Half row={row} line={row.left} side="old" />
      <Half row={row} line={row.right} side="new" />
    </div>
  );
}

function Half({ row, line, side }: { row: LineRow; line: Line | null; side: "old" | "new" }) {
  if (!line) return <div aria-hidden className={clsx("bg-white/2", side === "new" && "border-l border-line/60")} />;
  return (
    <div className={clsx("flex min-w-0", GROUND[line.kind], side === "new" && "border-l border-line/60")}>
      <Number of={line[side]} />
      <Text row={row} line={line} />
    </div>
  );
}

/** Drawn by CSS, so that a copied diff holds no numbers. */
function Number({ of }: { of: number | null }) {
  return <span aria-hidden data-n={of ?? ""} className="num w-11 shrink-0 pr-2.5 text-right text-2xs leading-5 text-faint/80 select-none before:content-[attr(data-n)] max-sm:w-8 max-sm:pr-1" />;
}

const partners = new WeakMap<Hunk, ReadonlyMap<Line, Line>>();

function partnerOf(hunk: Hunk, line: Line): Line | undefined {
  let known = partners.get(hunk);
  if (!known) partners.set(hunk, (known = counterparts(hunk)));
  return known.get(line);
}

/** Of a line; plain until they are there. */
function useTokens(row: LineRow, line: Line): readonly Token[] {
  const part = partOf(row.hunk, line);
  const language = languageOf(row.file.path);
  useEffect(() => {
    if (language) colour(part, language);
  }, [part, language]);
  const colours = useSyncExternalStore(onColoured, () => part.colours, () => null);
  return useMemo(() => colours?.get(line) ?? [{ text: line.text }], [colours, line]);
}

const Text = memo(function Text({ row, line }: { row: LineRow; line: Line }) {
  const tokens = useTokens(row, line);
  const pieces = useMemo(() => {
    const partner = line.kind === "context" ? undefined : partnerOf(row.hunk, line);
    const ranges = partner ? changedWords(line.text, partner.text, line.kind === "removed" ? "old" : "new") : [];
    if (line.text.length > LONGEST) return [{ text: line.text.slice(0, LONGEST), changed: false, className: undefined }];
    return marked(tokens, ranges);
  }, [tokens, row.hunk, line]);
  return (
    <>
      <span className={clsx("w-4 shrink-0 text-center select-none", line.kind === "added" ? "text-good" : line.kind === "removed" ? "text-bad" : "text-transparent")}>{SIGNS[line.kind]}</span>
      <code className="min-w-0 flex-1 pr-3 whitespace-pre-wrap [overflow-wrap:anywhere]">
        {pieces.map((piece, index) => (
          <span key={index} className={clsx(piece.className, piece.changed && (line.kind === "added" ? "rounded-[2px] bg-good/28" : "rounded-[2px] bg-bad/30"))}>
            {visible(piece.text)}
          </span>
        ))}
        {line.text.length > LONGEST && <span className="font-sans text-2xs text-faint select-none"> and {plural(line.text.length - LONGEST, "character")} more</span>}
        {line.open && <span className="ml-2 font-sans text-2xs text-faint select-none">no line end</span>}
      </code>
    </>
  );
});
