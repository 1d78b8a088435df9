"use client";

import { ChevronRight } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import type { Flow } from "@/api/types";
import { StatusMark } from "@/components/status";
import { Badge, Money, When } from "@/components/ui";
import { count, duration, plural } from "@/lib/format";
import { Actions } from "./actions";
import { CostBar } from "./cost-bar";
import type { Story } from "./story";
import type { Following } from "./use-flow";
import { useNow } from "@/lib/hooks";
import { visible } from "@/lib/visible";
import { elapsedMs, hasEnded, reasonWord, titleOf } from "./words";

const HOUR_MS = 3_600_000;

/** What it is, how it stands, what it took, and what one can do about it. */
export function FlowHead({ flow, following, story }: { flow: Flow; following: Following; story: Story }) {
  const now = useNow(hasEnded(flow.status) ? HOUR_MS : 1_000);
  const elapsed = elapsedMs(flow, now);
  const running = story.steps.find((step) => step.state === "running");
  return (
    <header>
      <nav aria-label="Breadcrumb" className="mb-2 flex items-center gap-1 text-xs text-muted">
        <Link href="/flows" className="rounded hover:text-ink">
          Flows
        </Link>
        <ChevronRight aria-hidden className="size-3 text-faint" />
        <span className="font-mono">{flow.id.slice(0, 8)}</span>
        {flow.forked_from && (
          <Link href={`/flow?id=${flow.forked_from.id}`} className="ml-2 rounded text-accent hover:underline">
            fork of {flow.forked_from.id.slice(0, 8)} after step {flow.forked_from.step}
          </Link>
        )}
      </nav>
      <div className="flex flex-wrap items-start gap-x-6 gap-y-3">
        <Task task={flow.task} />
        <Actions flow={flow} lastStep={following.events.reduce((most, event) => Math.max(most, event.step ?? 0), 0)} />
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <StatusMark status={flow.status} />
        {flow.reason && <Badge tone={flow.status === "cancelled" ? "plain" : "bad"}>{reasonWord(flow.reason)}</Badge>}
        <p className="min-w-0 text-[0.8125rem] break-words text-muted">{running ? `Step ${running.n}: ${running.node}${running.chars ? `, ${plural(running.chars, "character")} so far` : ""}` : flow.gate ? "" : visible(flow.message ?? "")}</p>
      </div>
      <dl className="mt-4 grid grid-cols-2 gap-px overflow-hidden rounded-xl bg-line ring-1 ring-line sm:grid-cols-3 lg:grid-cols-5">
        <Figure name="Round">
          {flow.round} <span className="text-faint">of {flow.max_rounds}</span>
        </Figure>
        <Figure name="Cost" note={<CostBar stages={flow.stages} className="mt-2" />}>
          <Money usd={flow.cost_usd} /> <span className="text-faint">of ${flow.budget.usd}</span>
        </Figure>
        <Figure name="Tokens">
          <span title={`${flow.usage.input_tokens} in, ${flow.usage.output_tokens} out`}>{count(flow.usage.total_tokens)}</span> <span className="text-faint">of {count(flow.budget.tokens)}</span>
        </Figure>
        <Figure name="Duration">
          {elapsed === null ? "—" : duration(elapsed)} {flow.timings.model_s > 0 && <span className="text-faint">· models {duration(flow.timings.model_s * 1000)}</span>}
        </Figure>
        <Figure name="Started" className="max-lg:col-span-2">
          <When at={flow.created_at} />
        </Figure>
      </dl>
    </header>
  );
}

function Figure({ name, note, children, className }: { name: string; note?: React.ReactNode; children: React.ReactNode; className?: string }) {
  return (
    <div className={`bg-panel px-4 py-2.5 ${className ?? ""}`}>
      <dt className="text-2xs text-faint">{name}</dt>
      <dd className="num mt-0.5 text-sm font-medium">
        {children}
        {note}
      </dd>
    </div>
  );
}

function Task({ task }: { task: string }) {
  const [open, setOpen] = useState(false);
  const title = titleOf(task);
  const more = title.length > 160 || task.trim() !== title;
  return (
    <div className="min-w-0 flex-[1_1_24rem]">
      <h1 className="line-clamp-2 text-lg leading-snug font-semibold tracking-tight break-words" title={title}>
        {title.slice(0, 400)}
      </h1>
      {more && (
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="mt-1 rounded text-xs text-muted hover:text-ink">
          {open ? "Show less" : "Show the whole task"}
        </button>
      )}
      {open && <p className="mt-2 max-h-96 overflow-y-auto rounded-lg bg-panel p-3 text-[0.8125rem] break-words whitespace-pre-wrap ring-1 ring-line">{visible(task)}</p>}
    </div>
  );
}
