"use client";

import clsx from "clsx";
import { SearchX } from "lucide-react";
import dynamic from "next/dynamic";
import Link from "next/link";
import { useCallback, useEffect, useMemo, useState } from "react";
import { isMissing } from "@/api/client";
import type { Flow } from "@/api/types";
import { Empty, Failure, Loading } from "@/components/states";
import { buttonClass, Panel } from "@/components/ui";
import { DecisionCard } from "@/flow/decision";
import { FlowHead } from "@/flow/head";
import { storyOf } from "@/flow/story";
import { Timeline } from "@/flow/timeline";
import { type Following, useEvents, useFlow } from "@/flow/use-flow";
import { hasEnded, titleOf } from "@/flow/words";
import { useParams } from "@/lib/params";

const loading = () => <Loading rows={8} />;
const Changes = dynamic(() => import("@/diff/changes"), { loading, ssr: false });
const Steps = dynamic(() => import("@/flow/steps"), { loading, ssr: false });
const PlanView = dynamic(() => import("@/flow/plan-view"), { loading, ssr: false });
const EventList = dynamic(() => import("@/flow/event-list"), { loading, ssr: false });
const Details = dynamic(() => import("@/flow/details"), { loading, ssr: false });

const TABS = [
  ["changes", "Changes"],
  ["steps", "Steps"],
  ["plan", "Plan"],
  ["events", "Events"],
  ["details", "Details"],
] as const;
type Tab = (typeof TABS)[number][0];

export function FlowPage() {
  const [params] = useParams();
  const id = params.get("id") ?? "";
  const flow = useFlow(id);
  if (id === "" || isMissing(flow.error)) return <Missing />;
  if (flow.data) return <Shown key={id} flow={flow.data} />;
  return flow.error ? <Failure error={flow.error} retry={() => void flow.refetch()} /> : <Loading rows={10} label="Loading the flow" />;
}

function Missing() {
  return (
    <Empty icon={SearchX} title="There is no such flow">
      <p className="mb-4">It is not one of yours, or its time was over and it was removed.</p>
      <Link href="/flows" className={buttonClass()}>
        All flows
      </Link>
    </Empty>
  );
}

function Shown({ flow }: { flow: Flow }) {
  const [params, set] = useParams();
  const following = useEvents(flow.id, hasEnded(flow.status));
  const story = useMemo(() => storyOf(following.events), [following.events]);
  const running = !hasEnded(flow.status);
  const [stale, setStale] = useState<Error | null>(null);
  const [first] = useState<Tab>(() => firstTab(flow)); // what one reads does not go away by itself
  const tab = tabOf(params.get("tab")) ?? first;
  const selected = Number(params.get("step")) || null;
  const openStep = useCallback((n: number) => set({ tab: "steps", step: String(n) }), [set]);
  useEffect(() => {
    document.title = `${titleOf(flow.task).slice(0, 80)} · CF-X Flow`;
  }, [flow.task]);
  return (
    <div className="space-y-5">
      <FlowHead flow={flow} following={following} story={story} />
      {stale && <Failure compact error={new Error(`Your word did not count. ${stale.message}`)} />}
      {flow.status === "requires_action" && flow.gate && <DecisionCard key={flow.version} flow={flow} onStale={setStale} onLook={(gate) => set({ tab: gate === "plan" ? "plan" : "changes" })} />}
      <Panel title="Timeline" aside={<LinkState following={following} />} className="overflow-hidden">
        {story.steps.length > 0 ? (
          <Timeline story={story} live={running} selected={tab === "steps" ? selected : null} onSelect={openStep} />
        ) : following.error ? (
          <Failure error={following.error} />
        ) : running ? (
          <p className="px-4 py-8 text-center text-[0.8125rem] text-muted">{flow.status === "queued" ? "It waits for its turn." : "Nothing has run yet."}</p>
        ) : (
          <Loading rows={3} />
        )}
      </Panel>
      <div>
        <Tabs tab={tab} onChange={(next) => set({ tab: next })} />
        <div role="tabpanel" aria-labelledby={`tab-${tab}`} id="tabpanel">
          {tab === "changes" && <Changes flow={flow} story={story} />}
          {tab === "steps" && (story.steps.length === 0 && following.link === "connecting" ? <Loading rows={3} /> : <Steps flow={flow} story={story} selected={selected} onSelect={openStep} />)}
          {tab === "plan" && <PlanView flow={flow} story={story} />}
          {tab === "events" && <EventList events={following.events} onStep={openStep} />}
          {tab === "details" && <Details flow={flow} onStep={openStep} />}
        </div>
      </div>
    </div>
  );
}

/** What a person comes for: a result, what waits for their word, or what is going on. */
function firstTab(flow: Flow): Tab {
  if (flow.status === "approved" || flow.gate === "patch") return "changes";
  return flow.gate === "plan" ? "plan" : "steps";
}

function tabOf(name: string | null): Tab | null {
  return TABS.find(([tab]) => tab === name)?.[0] ?? null;
}

function Tabs({ tab, onChange }: { tab: Tab; onChange: (tab: Tab) => void }) {
  function onKeyDown(event: React.KeyboardEvent<HTMLDivElement>): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = TABS[(TABS.findIndex(([name]) => name === tab) + by + TABS.length) % TABS.length];
    if (!by || !next) return;
    onChange(next[0]);
    document.getElementById(`tab-${next[0]}`)?.focus();
  }
  return (
    <div role="tablist" aria-label="Of this flow" onKeyDown={onKeyDown} className="mb-4 flex gap-1 overflow-x-auto border-b border-line">
      {TABS.map(([name, shown]) => (
        <button
          key={name}
          id={`tab-${name}`}
          type="button"
          role="tab"
          aria-selected={name === tab}
          aria-controls="tabpanel"
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onChange(name)}
          className={clsx("-mb-px border-b-2 px-3 py-2 text-[0.8125rem] font-medium transition-colors focus-visible:-outline-offset-2", name === tab ? "border-accent text-ink" : "border-transparent text-muted hover:text-ink")}
        >
          {shown}
        </button>
      ))}
    </div>
  );
}

const LINKS = { connecting: ["bg-faint", "connecting"], live: ["bg-good animate-breathe", "live"], broken: ["bg-warn", "reconnecting"], ended: ["", ""] } as const;

function LinkState({ following }: { following: Following }) {
  const [colour, word] = LINKS[following.link];
  if (!word) return null;
  return (
    <span role="status" className="flex items-center gap-1.5 text-xs text-muted" title={following.error?.message}>
      <span aria-hidden className={clsx("size-1.5 rounded-full", colour)} /> {word}
    </span>
  );
}
