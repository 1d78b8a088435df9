"use client";

import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { LogRow } from "@/api/types";
import { Badge, Money, stageTone, State, When } from "@/components/ui";
import { count, duration } from "@/lib/format";
import { useMedia } from "@/lib/hooks";

const GRID = "grid items-center gap-x-4 px-4 sm:grid-cols-[5.5rem_4.5rem_minmax(0,1fr)_6rem_5rem_5rem_5rem]";
const TONES = { success: "good", error: "bad", rate_limited: "warn", cancelled: "plain" } as const;
const AHEAD = 20;

export function StatusBadge({ status }: { status: LogRow["status"] }) {
  return <State tone={TONES[status]}>{status.replace("_", " ")}</State>;
}

/** Only the rows in sight are drawn: a million may be scrolled through. `more` is called near the end. */
export function Rows({ rows, more, onOpen }: { rows: readonly LogRow[]; more: (() => void) | null; onOpen: (row: LogRow) => void }) {
  const wide = useMedia("(min-width: 40rem)");
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({ count: rows.length, estimateSize: () => (wide ? 44 : 64), overscan: 12, scrollMargin: top });
  const seen = virtual.getVirtualItems();
  const last = seen.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= rows.length - AHEAD) more();
  }, [more, last, rows.length]);
  useEffect(() => virtual.measure(), [wide, virtual]);
  return (
    <>
      <div aria-hidden className={`${GRID} h-9 border-b border-line text-xs text-faint max-sm:hidden`}>
        <span>When</span>
        <span>Stage</span>
        <span>Model</span>
        <span>Status</span>
        <span className="text-right">Tokens</span>
        <span className="text-right">Cost</span>
        <span className="text-right">Latency</span>
      </div>
      <div ref={list} role="list" aria-label="Model calls" className="relative" style={{ height: virtual.getTotalSize() }}>
        {seen.map((item) => {
          const row = rows[item.index]!;
          return (
            <div key={row.id} role="listitem" aria-setsize={rows.length} aria-posinset={item.index + 1} className="absolute inset-x-0 top-0" style={{ height: item.size, transform: `translateY(${item.start - top}px)` }}>
              <Row row={row} onOpen={onOpen} />
            </div>
          );
        })}
      </div>
    </>
  );
}

function Row({ row, onOpen }: { row: LogRow; onOpen: (row: LogRow) => void }) {
  return (
    <button type="button" onClick={() => onOpen(row)} className={`${GRID} size-full border-b border-line/60 text-left text-[0.8125rem] hover:bg-white/3 focus-visible:-outline-offset-2 max-sm:grid-cols-[auto_minmax(0,1fr)_auto] max-sm:gap-y-0.5 max-sm:py-2`}>
      <When at={row.created_at} className="text-muted max-sm:order-3 max-sm:text-right" />
      <span className="max-sm:order-1">{row.stage && <Badge tone={stageTone(row.stage)}>{row.stage}</Badge>}</span>
      <span className="truncate font-mono text-xs max-sm:order-2" title={row.model ?? undefined}>{row.model ?? "–"}</span>
      <span className="max-sm:order-4"><StatusBadge status={row.status} /></span>
      <span className="num text-right text-muted max-sm:hidden">{count(row.total_tokens)}</span>
      <Money usd={row.cost_usd} className="text-right max-sm:order-5" />
      <span className="num text-right text-muted max-sm:order-6">{row.latency_ms === null ? "–" : duration(row.latency_ms)}</span>
    </button>
  );
}
