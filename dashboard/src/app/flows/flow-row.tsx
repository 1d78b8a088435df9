"use client";

import { GitFork } from "lucide-react";
import Link from "next/link";
import type { Flow } from "@/api/types";
import { StatusMark } from "@/components/status";
import { Badge, Money, When } from "@/components/ui";
import { CostBar } from "@/flow/cost-bar";
import { elapsedMs, reasonWord, titleOf } from "@/flow/words";
import { duration } from "@/lib/format";
import { visible } from "@/lib/visible";

const GRID = "grid items-center gap-x-4 px-4 sm:grid-cols-[7.5rem_minmax(0,1fr)_4rem_6rem_5.5rem_5rem]";

export function HeadRow() {
  return (
    <div aria-hidden className={`${GRID} h-9 border-b border-line text-xs text-faint max-sm:hidden`}>
      <span>Status</span>
      <span>Task</span>
      <span>Round</span>
      <span>Cost</span>
      <span className="text-right">Duration</span>
      <span className="text-right">Started</span>
    </div>
  );
}

export function FlowRow({ flow, now }: { flow: Flow; now: number }) {
  const elapsed = elapsedMs(flow, now);
  return (
    <li className="border-b border-line/60 last:border-0 [content-visibility:auto] [contain-intrinsic-size:auto_3rem]">
      <Link href={`/flow?id=${flow.id}`} prefetch={false} className={`${GRID} min-h-12 py-2 text-[0.8125rem] transition-colors hover:bg-white/3 focus-visible:-outline-offset-2 max-sm:grid-cols-[minmax(0,1fr)_auto] max-sm:gap-y-1`}>
        <StatusMark status={flow.status} />
        <span className="flex min-w-0 items-center gap-2 max-sm:order-first max-sm:col-span-2">
          <span className="truncate font-medium" title={visible(flow.task.slice(0, 500))}>
            {titleOf(flow.task)}
          </span>
          {flow.forked_from && <GitFork aria-label="a fork" className="size-3.5 shrink-0 text-faint" />}
          {flow.reason && (
            <Badge className="max-lg:hidden" tone="plain">
              {reasonWord(flow.reason)}
            </Badge>
          )}
          {flow.gate && (
            <Badge className="max-lg:hidden" tone="warn">
              approve the {flow.gate}
            </Badge>
          )}
        </span>
        <span className="num text-muted max-sm:hidden" title="Round, and how many it may take">
          {flow.round || 0}
          <span className="text-faint">/{flow.max_rounds}</span>
        </span>
        <span className="space-y-1.5 max-sm:hidden">
          <Money usd={flow.cost_usd} className="block" />
          <CostBar stages={flow.stages} />
        </span>
        <span className="num text-right text-muted max-sm:hidden">{elapsed === null ? "" : duration(elapsed)}</span>
        <When at={flow.created_at} className="text-right text-muted" />
      </Link>
    </li>
  );
}
