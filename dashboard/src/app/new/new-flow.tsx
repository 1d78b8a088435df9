"use client";

import { useMutation } from "@tanstack/react-query";
import { LoaderCircle, Play } from "lucide-react";
import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";
import { call, post } from "@/api/client";
import { Failure } from "@/components/states";
import { Button, Field, Input, PageHead, Panel, Segmented, TextArea } from "@/components/ui";
import { BudgetFields, budgetOf, numberOf, StageFields, stagesOf, TestsField } from "@/flow/option-fields";
import type { Chosen } from "@/upload/files";
import { packed } from "@/upload/tar";
import { Dropzone } from "./dropzone";

type Source = "upload" | "path" | "snapshot" | "empty";
type Approval = "auto" | "plan" | "patch" | "both";
type Workspace = { files: Record<string, string> } | { path: string } | { snapshot_id: string };

const APPROVALS: readonly (readonly [Approval, string])[] = [["auto", "Nobody"], ["plan", "The plan"], ["patch", "The patch"], ["both", "Both"]];

export function NewFlow() {
  const router = useRouter();
  const [source, setSource] = useState<Source>("upload");
  const [chosen, choose] = useState<Chosen | null>(null);
  const [approval, setApproval] = useState<Approval>("auto");
  const [doing, setDoing] = useState("");
  const [attempt] = useState(newKey);
  const start = useMutation({
    mutationFn: async (form: FormData) => {
      const workspace = await workspaceOf(source, form, chosen, setDoing);
      setDoing("Starting the flow");
      const rounds = numberOf(form, "max_rounds");
      const tests = String(form.get("tests") ?? "");
      const webhook = String(form.get("webhook") ?? "").trim();
      const body = { task: String(form.get("task")), workspace, approval, budget: budgetOf(form), stages: stagesOf(form), ...(rounds ? { max_rounds: rounds } : {}), ...(tests ? { tests } : {}), ...(webhook ? { webhook: { url: webhook } } : {}) };
      // The same form sent twice is one flow: the key stays with it until something in it is changed.
      return post("/v1/flows", { body, headers: { "idempotency-key": `${attempt}-${digest(JSON.stringify(body))}` } });
    },
    onSuccess: ({ id }) => router.push(`/flow?id=${id}`),
    onSettled: () => setDoing(""),
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    start.mutate(new FormData(event.currentTarget));
  }
  return (
    <form onSubmit={submit} className="mx-auto max-w-3xl space-y-5">
      <PageHead title="New flow" note="Planned, written, checked against your files, tested where you ask for it, reviewed." />
      <Panel title="Task">
        <div className="p-4">
          <TextArea name="task" aria-label="Task" required rows={6} autoFocus placeholder="What should change, and how will one see that it works?" className="text-sm!" />
        </div>
      </Panel>
      <Panel title="Files" aside={<Segmented label="Where the files are" value={source} onChange={setSource} options={[["upload", "Upload"], ["path", "Folder on the server"], ["snapshot", "Snapshot"], ["empty", "None"]]} />}>
        <div className="p-4">
          {source === "upload" && <Dropzone chosen={chosen} onChoose={choose} />}
          {source === "path" && (
            <Field label="Folder" hint="Below one of the server's CFX_WORKSPACE_ROOTS; the key needs the permission workspace.">
              <Input name="path" required placeholder="/srv/projects/shop" className="font-mono" />
            </Field>
          )}
          {source === "snapshot" && (
            <Field label="Snapshot" hint="The id of one that was uploaded before; a flow's details name its own.">
              <Input name="snapshot" required pattern="sha256:[0-9a-f]{64}" placeholder="sha256:…" className="font-mono" />
            </Field>
          )}
          {source === "empty" && <p className="text-[0.8125rem] text-muted">The flow starts with an empty folder.</p>}
        </div>
      </Panel>
      <Panel title="Options">
        <div className="space-y-5 p-4">
          <div>
            <p className="mb-1.5 text-xs font-medium text-muted">Who approves besides the reviewer</p>
            <Segmented label="Approval" value={approval} onChange={setApproval} options={APPROVALS} />
          </div>
          <div className="flex flex-wrap gap-x-6 gap-y-5">
            <Field label="Rounds" hint="How often the reviewer may send it back: 1 to 10." className="w-40">
              <Input name="max_rounds" type="number" min={1} max={10} placeholder="3" />
            </Field>
            <TestsField />
          </div>
          <StageFields />
          <BudgetFields hint="Empty: what the server allows at most." />
          <Field label="Webhook" hint="Told of the end; https, at a host that the operator has named.">
            <Input name="webhook" type="url" placeholder="https://" />
          </Field>
        </div>
      </Panel>
      {start.error && <Failure compact error={start.error} />}
      <div className="flex items-center justify-end gap-3">
        <p role="status" className="text-xs text-muted">{doing}</p>
        <Button kind="primary" type="submit" disabled={start.isPending}>
          {start.isPending ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : <Play aria-hidden className="size-4" />} Start
        </Button>
      </div>
    </form>
  );
}

async function workspaceOf(source: Source, form: FormData, chosen: Chosen | null, tell: (doing: string) => void): Promise<Workspace> {
  if (source === "path") return { path: String(form.get("path")).trim() };
  if (source === "snapshot") return { snapshot_id: String(form.get("snapshot")).trim() };
  if (source === "empty") return { files: {} };
  if (!chosen?.entries.length) throw new Error("Choose the files that the flow is about, or say that there are none.");
  tell("Packing the files");
  const archive = await packed(chosen.entries);
  tell("Uploading the files");
  const answer = await call("/v1/snapshots", { method: "POST", body: archive, headers: { "content-type": "application/gzip" } });
  const { id } = (await answer.json()) as { id: string };
  return { snapshot_id: id };
}

/** Random enough, also where a page by plain http has no `randomUUID`. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Not for safety: FNV-1a, so that another body has another key. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(16);
}
