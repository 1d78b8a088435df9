"use client";

import clsx from "clsx";
import { useEffect, useRef } from "react";
import type { Flow } from "@/api/types";
import { Failure, Loading } from "@/components/states";
import { Badge, Facts, Money, Panel, stageTone } from "@/components/ui";
import { count, duration } from "@/lib/format";
import { visible } from "@/lib/visible";
import { StepDetail } from "./step-detail";
import { outcomeOf, type StepBar, type Story } from "./story";
import { useStep } from "./use-flow";

interface Props {
  readonly flow: Flow;
  readonly story: Story;
  readonly selected: number | null;
  readonly onSelect: (n: number) => void;
}

/** All steps at the left, one of them at the right; the newest where none was chosen. */
export default function Steps({ flow, story, selected, onSelect }: Props) {
  const open = story.steps.find((step) => step.n === selected) ?? story.steps.at(-1);
  const asked = useStep(flow.id, open?.n ?? null, open?.state ?? "");
  const detail = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (selected !== null) detail.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [selected]);
  if (!open) return <p className="py-10 text-center text-[0.8125rem] text-muted">No step has run yet.</p>;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]">
      <Panel className="max-h-[36rem] overflow-y-auto">
        <ol aria-label="Steps" className="p-1.5">
          {story.steps.map((step) => (
            <li key={step.n}>
              <Entry step={step} selected={step.n === open.n} onSelect={onSelect} />
            </li>
          ))}
        </ol>
      </Panel>
      <div ref={detail} className="min-w-0 scroll-my-4">
        <Panel>
          {asked.data || (open.state === "running" && !asked.error) ? <StepDetail key={open.n} step={asked.data} bar={open} /> : asked.error ? <Failure error={asked.error} retry={() => void asked.refetch()} /> : <Loading rows={10} label="Loading the step" />}
        </Panel>
      </div>
    </div>
  );
}

const DOTS = { good: "bg-good", bad: "bg-bad", warn: "bg-warn", plain: "bg-faint" };

function Entry({ step, selected, onSelect }: { step: StepBar; selected: boolean; onSelect: (n: number) => void }) {
  const [tone, word] = outcomeOf(step);
  return (
    <button type="button" aria-current={selected ? "step" : undefined} onClick={() => onSelect(step.n)} className={clsx("flex w-full items-center gap-2 rounded-md px-2 py-1.5 text-left text-[0.8125rem] focus-visible:-outline-offset-2", selected ? "bg-white/8" : "hover:bg-white/4")}>
      <span className="num w-5 shrink-0 text-right text-2xs text-faint">{step.n}</span>
      <span className="min-w-14 shrink-0">
        <Badge tone={stageTone(step.lane)}>{step.node.replace("_", " ")}</Badge>
      </span>
      <span className="min-w-0 flex-1 truncate text-xs text-muted">
        <span aria-hidden className={clsx("mr-1.5 inline-block size-1.5 rounded-full align-middle", step.state === "running" ? "animate-breathe bg-busy" : DOTS[tone])} />
        {word}
      </span>
      <span className="num shrink-0 text-2xs text-faint">{step.to === null ? "" : duration(step.to - step.from)}</span>
    </button>
  );
}

/** What a step took, in one line. */
export function Took({ bar, input, output, attempts }: { bar: StepBar; input: number; output: number; attempts: number }) {
  const facts: [string, React.ReactNode][] = [];
  if (bar.model) facts.push(["Model", <span key="m" className="font-mono text-xs">{visible(bar.model)}</span>]);
  if (bar.round) facts.push(["Round", bar.round]);
  if (bar.to !== null) facts.push(["Duration", duration(bar.to - bar.from)]);
  if (input + output > 0) facts.push(["Tokens", `${count(input)} in, ${count(output)} out`]);
  if (bar.costUsd > 0) facts.push(["Cost", <Money key="c" usd={bar.costUsd} />]);
  if (attempts > 1) facts.push(["Calls", attempts]);
  if (bar.restarts > 0) facts.push(["Begun again", `${bar.restarts} ×`]);
  return <Facts facts={facts} />;
}
