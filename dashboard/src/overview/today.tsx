"use client";

import clsx from "clsx";
import type { StatusNow } from "@/api/types";
import { duration, fullCount } from "@/lib/format";
import { useNow } from "@/lib/hooks";

/** Requests against the limit of the day, and when it starts anew. */
export function Today({ now }: { now: StatusNow }) {
  const clock = useNow(1_000);
  const { limit, remaining, reset_at } = now.today;
  const used = limit - remaining;
  const share = limit ? used / limit : 1;
  return (
    <div className="px-4 py-3.5">
      <p className="text-xs text-muted">Requests</p>
      <p className="num mt-0.5 text-2xl font-semibold tracking-tight">
        {fullCount(used)} <span className="text-base font-normal text-faint">of {fullCount(limit)}</span>
      </p>
      <div role="meter" aria-label="Requests used today" aria-valuemin={0} aria-valuemax={limit} aria-valuenow={used} className="mt-3 h-1.5 overflow-hidden rounded-full bg-white/8">
        <div className={clsx("h-full rounded-full transition-[width]", share >= 1 ? "bg-bad" : share > 0.8 ? "bg-warn" : "bg-accent")} style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
      <p className="mt-2 flex justify-between gap-3 text-xs text-faint">
        <span>starts anew in {duration(Math.max(0, Date.parse(reset_at) - clock))}</span>
        {now.streams.running !== null && (
          <span className="num">
            {now.streams.running} of {now.streams.limit} streams
          </span>
        )}
      </p>
    </div>
  );
}
