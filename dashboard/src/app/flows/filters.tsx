"use client";

import clsx from "clsx";
import { Search } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { FlowStatus } from "@/api/types";
import { statusWord } from "@/components/status";
import { Button, Input, Select } from "@/components/ui";
import type { Wanted } from "@/flow/live";
import { useSettled } from "@/lib/hooks";
import { useParams } from "@/lib/params";

const STATUSES: readonly FlowStatus[] = ["queued", "in_progress", "requires_action", "approved", "rejected", "failed", "cancelled"];
const DAYS = [
  ["", "Any time"],
  ["1", "Last 24 hours"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
] as const;
const HOUR_MS = 3_600_000;

export interface FilterState {
  readonly wanted: Wanted;
  readonly days: string;
  readonly isNarrowed: boolean;
  readonly set: (changes: Record<string, string | readonly string[] | null>) => void;
  readonly clear: () => void;
}

/** Read from the address, and written to it. */
export function useFilters(): FilterState {
  const [params, set] = useParams();
  const status = params.getAll("status").join(",");
  const days = DAYS.some(([value]) => value === params.get("days")) ? (params.get("days") ?? "") : "";
  const search = (params.get("q") ?? "").trim();
  const wanted = useMemo<Wanted>(
    () => ({ status: STATUSES.filter((one) => status.split(",").includes(one)), since: days ? sinceDays(Number(days)) : null, search }),
    [status, days, search],
  );
  const isNarrowed = wanted.status.length > 0 || days !== "" || search !== "";
  return { wanted, days, isNarrowed, set, clear: () => set({ status: null, days: null, q: null }) };
}

/** To the hour, so that the same question is asked until the clock strikes. */
function sinceDays(days: number): string {
  return new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - days * 24 * HOUR_MS).toISOString();
}

export function Filters({ filters }: { filters: FilterState }) {
  const { wanted, set } = filters;
  const search = useCallback((q: string) => set({ q: q || null }), [set]);
  const toggle = (status: FlowStatus): void => {
    const left = wanted.status.filter((one) => one !== status);
    set({ status: left.length === wanted.status.length ? [...left, status] : left });
  };
  return (
    <div className="mb-4 flex flex-wrap items-center gap-2">
      <SearchField value={wanted.search} onChange={search} />
      <div role="group" aria-label="Status" className="-mx-4 flex gap-1.5 px-4 max-sm:w-[calc(100%+2rem)] max-sm:overflow-x-auto sm:mx-0 sm:flex-wrap sm:px-0">
        {STATUSES.map((status) => {
          const on = wanted.status.includes(status);
          return (
            <button
              key={status}
              type="button"
              aria-pressed={on}
              onClick={() => toggle(status)}
              className={clsx("h-7 shrink-0 rounded-full px-2.5 text-xs font-medium ring-1 transition-colors ring-inset", on ? "bg-accent/15 text-accent ring-accent/40" : "text-muted ring-line hover:bg-white/5 hover:text-ink")}
            >
              {statusWord(status)}
            </button>
          );
        })}
      </div>
      <Select aria-label="Time" value={filters.days} onChange={(event) => set({ days: event.target.value || null })} className="h-7! w-auto! text-xs!">
        {DAYS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </Select>
      {filters.isNarrowed && (
        <Button kind="ghost" size="sm" onClick={filters.clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, type] = useState(value);
  const sent = useRef(value);
  const settled = useSettled(typed.trim());
  useEffect(() => {
    if (settled === sent.current) return;
    sent.current = settled;
    onChange(settled);
  }, [settled, onChange]);
  useEffect(() => {
    if (value === sent.current) return; // what was typed here comes back by the address
    sent.current = value;
    type(value);
  }, [value]);
  return (
    <div className="relative w-full sm:w-64">
      <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-faint" />
      <Input type="search" aria-label="Search tasks" placeholder="Search tasks and ids" value={typed} onChange={(event) => type(event.target.value)} className="h-8! pl-8!" />
    </div>
  );
}
