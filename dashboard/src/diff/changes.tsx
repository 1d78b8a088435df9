"use client";

import { FileDiff as FileIcon } from "lucide-react";
import { useMemo, useRef } from "react";
import type { Finding, Flow } from "@/api/types";
import { Empty, Failure, Loading } from "@/components/states";
import { Panel, Segmented, Select, State } from "@/components/ui";
import { Findings } from "@/flow/findings";
import { outcomeOf, type StepBar, type Story } from "@/flow/story";
import { usePatch } from "@/flow/use-flow";
import { plural } from "@/lib/format";
import { useMedia } from "@/lib/hooks";
import { useParams } from "@/lib/params";
import { visible } from "@/lib/visible";
import { Counts, DiffView, type DiffHandle } from "./diff-view";
import { interdiff } from "./interdiff";
import { type FileDiff, filesOf, type Layout } from "./model";

/** The patch of any check that let one through, whole or against an earlier one, with what the review said of it. */
export default function Changes({ flow, story }: { flow: Flow; story: Story }) {
  const checks = story.steps.filter((step) => step.check?.status === "accepted");
  if (checks.length === 0) {
    return (
      <Empty icon={FileIcon} title="There is no patch yet">
        <p>It appears here once a diff has passed the check.</p>
      </Empty>
    );
  }
  return <Viewer flow={flow} story={story} checks={checks} />;
}

function Viewer({ flow, story, checks }: { flow: Flow; story: Story; checks: readonly StepBar[] }) {
  const [params, set] = useParams();
  const narrow = useMedia("(max-width: 60rem)");
  const layout: Layout = narrow || params.get("view") === "unified" ? "unified" : "split";
  const shown = checks.find((step) => String(step.n) === params.get("patch")) ?? checks.at(-1);
  const against = checks.find((step) => String(step.n) === params.get("since") && shown && step.n < shown.n);
  const after = usePatch(flow.id, shown?.n ?? null);
  const before = usePatch(flow.id, against?.n ?? null);
  const parsed = useMemo(() => parse(after.data, against ? before.data : null), [after.data, before.data, against]);
  const findings = useMemo(() => (shown && !against ? findingsOf(story, shown) : []), [story, shown, against]);
  const tested = shown && !against && following(story, shown).find((step) => step.tests);
  const diff = useRef<DiffHandle>(null);
  const error = after.error ?? before.error;
  if (error) return <Failure error={error} retry={() => void Promise.all([after.refetch(), before.refetch()])} />;
  if (!parsed || !shown) return <Loading rows={12} label="Loading the patch" />;
  if (parsed instanceof Error) return <Failure error={parsed} />;
  const elsewhere = findings.filter((finding) => !parsed.some((file) => file.path === finding.file));
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-center gap-2">
        {checks.length > 1 && (
          <>
            <Select aria-label="Patch" value={shown.n} onChange={(event) => set({ patch: event.target.value, since: null })} className="h-7! w-auto! text-xs!">
              {checks.map((step) => (
                <option key={step.n} value={step.n}>
                  Round {step.round}, step {step.n}
                </option>
              ))}
            </Select>
            <Select aria-label="Compared with" value={against?.n ?? ""} onChange={(event) => set({ since: event.target.value || null })} className="h-7! w-auto! text-xs!">
              <option value="">against the files</option>
              {checks
                .filter((step) => step.n < shown.n)
                .map((step) => (
                  <option key={step.n} value={step.n}>
                    against round {step.round}, step {step.n}
                  </option>
                ))}
            </Select>
          </>
        )}
        <p className="num text-xs text-muted">
          {plural(parsed.length, "file")} <Counts file={sum(parsed)} className="ml-1" />
          {findings.length > 0 && <span className="ml-3 text-review">{plural(findings.length, "finding")}</span>}
        </p>
        {tested && <TestsState step={tested} onOpen={() => set({ tab: "steps", step: String(tested.n) })} />}
        {!narrow && (
          <div className="ml-auto">
            <Segmented label="Layout" value={layout} onChange={(view) => set({ view: view === "split" ? null : view })} options={[["split", "Split"], ["unified", "Unified"]]} />
          </div>
        )}
      </div>
      {elsewhere.length > 0 && <Findings findings={elsewhere} none="" title="Findings elsewhere" />}
      {parsed.length === 0 ? (
        <Empty icon={FileIcon} title="Nothing differs">
          <p>Both rounds make the same of the files.</p>
        </Empty>
      ) : (
        <div className="flex items-start gap-4">
          {parsed.length > 1 && <FileList files={parsed} findings={findings} onShow={(path) => diff.current?.show(path)} />}
          <Panel className="flex-1 overflow-hidden">
            <DiffView handle={diff} files={parsed} layout={layout} findings={findings} className="max-h-[calc(100dvh-7rem)] min-h-40" />
          </Panel>
        </div>
      )}
    </div>
  );
}

function parse(after: string | undefined, before: string | null | undefined): FileDiff[] | Error | null {
  if (after === undefined || before === undefined) return null;
  try {
    const files = filesOf(after);
    return before === null ? files : interdiff(filesOf(before), files);
  } catch (error) {
    return error instanceof Error ? new Error(`The patch cannot be shown: ${error.message}`) : new Error("The patch cannot be shown.");
  }
}

/** What the review that followed said, and what contract and policy had to say. */
function findingsOf(story: Story, shown: StepBar): readonly Finding[] {
  const review = following(story, shown).find((step) => step.review);
  return [...(shown.check?.breaches ?? []), ...(review?.review?.findings ?? [])];
}

/** The steps that were about this patch. */
function following(story: Story, shown: StepBar): readonly StepBar[] {
  const next = story.steps.find((step) => step.n > shown.n && step.check)?.n ?? Infinity;
  return story.steps.filter((step) => step.n > shown.n && step.n < next);
}

function TestsState({ step, onOpen }: { step: StepBar; onOpen: () => void }) {
  const [tone, word] = outcomeOf(step);
  return (
    <button type="button" title={visible(step.tests?.message ?? "")} onClick={onOpen} className="rounded hover:brightness-125">
      <State tone={tone}>Tests: {word}</State>
    </button>
  );
}

function sum(files: readonly FileDiff[]): { added: number; removed: number } {
  return files.reduce((all, file) => ({ added: all.added + file.added, removed: all.removed + file.removed }), { added: 0, removed: 0 });
}

function FileList({ files, findings, onShow }: { files: readonly FileDiff[]; findings: readonly Finding[]; onShow: (path: string) => void }) {
  return (
    <nav aria-label="Files of the patch" className="max-h-[calc(100dvh-7rem)] w-60 shrink-0 overflow-y-auto max-xl:hidden">
      <ul>
        {files.map((file) => {
          const amount = findings.filter((finding) => finding.file === file.path).length;
          return (
            <li key={file.path}>
              <button type="button" title={visible(file.path)} onClick={() => onShow(file.path)} className="flex w-full items-center gap-2 rounded-md px-2 py-1 text-left hover:bg-white/5">
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-mono text-xs">{visible(file.path.slice(file.path.lastIndexOf("/") + 1))}</span>
                  <span className="block truncate text-2xs text-faint">{visible(file.path.slice(0, Math.max(0, file.path.lastIndexOf("/"))))}</span>
                </span>
                {amount > 0 && (
                  <span className="num rounded-full bg-review/15 px-1.5 text-2xs text-review" title={plural(amount, "finding")}>
                    {amount}
                  </span>
                )}
                <Counts file={file} className="text-2xs!" />
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
