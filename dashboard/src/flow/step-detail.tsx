"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import type { Repair, Step } from "@/api/types";
import { CodeText } from "@/components/code-text";
import { Loading } from "@/components/states";
import { Badge, Section, Segmented, stageTone } from "@/components/ui";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { Findings, Problems } from "./findings";
import { outcomeOf, type StepBar } from "./story";
import { Took } from "./steps";
import { TestsView } from "./tests-view";

const Markdown = dynamic(() => import("@/components/markdown"), { loading: () => <Loading />, ssr: false });
const PatchView = dynamic(() => import("@/diff/patch-view"), { loading: () => <Loading />, ssr: false });

type View = "result" | "input" | "raw";

/** `step` may be on its way while it runs: what the events say is there already. */
export function StepDetail({ step, bar }: { step: Step | undefined; bar: StepBar }) {
  const [view, show] = useState<View>("result");
  const [tone, word] = outcomeOf(bar);
  return (
    <article aria-label={`Step ${bar.n}`}>
      <header className="space-y-3 border-b border-line p-4">
        <div className="flex flex-wrap items-center gap-2">
          <h2 className="text-sm font-semibold">
            Step {bar.n}: {bar.node.replace("_", " ")}
          </h2>
          <Badge tone={tone}>{word}</Badge>
          {bar.copied && <Badge>taken over</Badge>}
          <div className="ml-auto">
            <Segmented label="What of the step" value={view} onChange={show} options={[["result", "Result"], ["input", "Input"], ["raw", "As it came"]]} />
          </div>
        </div>
        <Took bar={bar} input={step?.input_tokens ?? 0} output={step?.output_tokens ?? 0} attempts={step?.attempts ?? 0} />
      </header>
      <div className="space-y-5 p-4">
        {view === "result" && <Result step={step} bar={bar} />}
        {view === "input" && step && <Input input={step.input} />}
        {view === "raw" && <CodeText text={step?.output ?? ""} label="answer" />}
      </div>
    </article>
  );
}

function Result({ step, bar }: { step: Step | undefined; bar: StepBar }) {
  if (!step || step.status === "started") return <p className="text-[0.8125rem] text-muted">It runs{bar.chars ? `; ${plural(bar.chars, "character")} have come` : ""}.</p>;
  const { check, tests, review } = bar;
  return (
    <>
      {review && <p className="text-[0.8125rem] break-words whitespace-pre-wrap">{visible(review.summary)}</p>}
      {review && <Findings findings={review.findings} none="The reviewer found nothing to object to." />}
      {tests && <TestsView tests={tests} log={step.output ?? ""} />}
      {check && <Problems problems={check.problems} />}
      {check && check.breaches.length > 0 && <Findings title="Against contract or policy" findings={check.breaches} none="" />}
      <Repairs repairs={step.repairs as unknown as readonly Repair[]} />
      {check?.status === "accepted" && <PatchView text={step.output ?? ""} />}
      {check?.status === "refused" && <Section title="What CODE was told"><CodeText text={step.output ?? ""} label="refusal" /></Section>}
      {(step.node === "plan" || step.node === "approve_plan") && <Markdown text={step.output ?? ""} />}
      {step.node === "code" && <CodeText text={step.output ?? ""} label="answer" />}
      {"decision" in step.detail && <Said detail={step.detail} />}
      {step.status !== "completed" && !step.output && <p className="text-[0.8125rem] text-muted">It came to no result: {step.status}.</p>}
    </>
  );
}

function Said({ detail }: { detail: Step["detail"] }) {
  return (
    <p className="text-[0.8125rem] break-words whitespace-pre-wrap">
      <Badge tone="accent" className="mr-2">{String(detail.decision)}</Badge>
      {detail.comment ? visible(String(detail.comment)) : detail.edited ? "with a plan of their own" : ""}
    </p>
  );
}

function Repairs({ repairs }: { repairs: readonly Repair[] }) {
  if (repairs.length === 0) return null;
  return (
    <Section title={`${plural(repairs.length, "repair")} of form`}>
      <ul className="space-y-1 text-[0.8125rem] text-muted">
        {repairs.map((repair, index) => (
          <li key={index} className="flex gap-2">
            <Badge>{repair.kind}</Badge>
            <span className="min-w-0 break-words">{visible(repair.message)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

interface Message {
  readonly role: string;
  readonly content: string;
}

/** The prompt, message by message; what is no prompt is shown as it is. */
function Input({ input }: { input: Step["input"] }) {
  const messages = Array.isArray(input.messages) ? (input.messages as Message[]) : null;
  if (!messages) return <CodeText text={JSON.stringify(input, null, 2)} label="input" />;
  return messages.map((message, index) => (
    <details key={index} open={index === messages.length - 1} className="group">
      <summary className="mb-1.5 flex items-center gap-2 rounded text-xs text-muted">
        <Badge tone={stageTone(message.role === "assistant" ? "code" : null)}>{message.role}</Badge> {plural(message.content.length, "character")}
      </summary>
      <CodeText text={message.content} label={`${message.role} message`} />
    </details>
  ));
}
