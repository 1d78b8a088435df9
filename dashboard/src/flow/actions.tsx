"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, Download, FileDiff, FileText, FolderInput, GitFork, Package, RotateCcw, Undo2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { post } from "@/api/client";
import type { Flow } from "@/api/types";
import { Dialog } from "@/components/dialog";
import { Menu, MenuEntry } from "@/components/menu";
import { Failure } from "@/components/states";
import { Button } from "@/components/ui";
import { ApplyForm } from "./apply";
import { ForkForm, ResumeForm } from "./again-forms";
import { download, useNudge } from "./use-flow";
import { canResume, hasEnded } from "./words";

export function Actions({ flow, lastStep }: { flow: Flow; lastStep: number }) {
  const [open, setOpen] = useState<"resume" | "fork" | "cancel" | "apply" | "rollback" | null>(null);
  const queries = useQueryClient();
  const router = useRouter();
  const nudge = useNudge(flow.id);
  const close = (): void => setOpen(null);
  return (
    <div className="flex flex-wrap items-center gap-2">
      {!hasEnded(flow.status) && (
        <Button size="sm" kind="danger" onClick={() => setOpen("cancel")}>
          <Ban aria-hidden className="size-3.5" /> Cancel
        </Button>
      )}
      {canResume(flow) && (
        <Button size="sm" kind="primary" onClick={() => setOpen("resume")}>
          <RotateCcw aria-hidden className="size-3.5" /> Resume
        </Button>
      )}
      <Button size="sm" onClick={() => setOpen("fork")}>
        <GitFork aria-hidden className="size-3.5" /> Fork
      </Button>
      {flow.workspace && flow.status === "approved" && (
        <Menu label="Folder">
          <MenuEntry onClick={() => setOpen("apply")}>
            <FolderInput aria-hidden className="size-4 text-muted" /> Write into the folder
          </MenuEntry>
          <MenuEntry onClick={() => setOpen("rollback")}>
            <Undo2 aria-hidden className="size-4 text-muted" /> Take it back
          </MenuEntry>
        </Menu>
      )}
      <Downloads flow={flow} />
      <Dialog title="Write into the folder" open={open === "apply"} onClose={close}>
        <ApplyForm flow={flow} way="apply" />
      </Dialog>
      <Dialog title="Take it back" open={open === "rollback"} onClose={close}>
        <ApplyForm flow={flow} way="rollback" />
      </Dialog>
      <Dialog title="Cancel this flow?" open={open === "cancel"} onClose={close}>
        <CancelForm flow={flow} onDone={close} />
      </Dialog>
      <Dialog title="Resume" open={open === "resume"} onClose={close}>
        <ResumeForm
          flow={flow}
          onDone={() => {
            close();
            nudge(); // it may have ended again before anybody looks
            void queries.invalidateQueries({ queryKey: ["flow", flow.id] });
          }}
        />
      </Dialog>
      <Dialog title="Fork: another way from a step on" open={open === "fork"} onClose={close} wide>
        <ForkForm
          flow={flow}
          lastStep={lastStep}
          onDone={(id) => {
            close();
            router.push(`/flow?id=${id}`);
          }}
        />
      </Dialog>
    </div>
  );
}

function CancelForm({ flow, onDone }: { flow: Flow; onDone: () => void }) {
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => post("/v1/flows/{flow_id}/cancel", { path: { flow_id: flow.id } }),
    onSuccess: (after) => {
      queries.setQueryData(["flow", flow.id], after);
      onDone();
    },
  });
  return (
    <div className="space-y-4">
      <p className="text-[0.8125rem] text-muted">It ends at once. An answer that is under way is not waited for, and a cancelled flow cannot be resumed; it can be forked.</p>
      {cancel.error && <Failure compact error={cancel.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Let it run</Button>
        <Button kind="danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel the flow
        </Button>
      </div>
    </div>
  );
}

function Downloads({ flow }: { flow: Flow }) {
  const [error, setError] = useState<unknown>(null);
  const base = `/v1/flows/${flow.id}`;
  const short = flow.id.slice(0, 8);
  function save(address: string, name: string): void {
    setError(null);
    download(address, name).catch(setError);
  }
  return (
    <>
      <Menu
        label={
          <>
            <Download aria-hidden className="size-3.5" /> Download
          </>
        }
      >
        <MenuEntry onClick={() => save(`${base}/diff`, `${short}.patch`)}>
          <FileDiff aria-hidden className="size-4 text-muted" /> Patch
        </MenuEntry>
        <MenuEntry onClick={() => save(`${base}/diff?reverse=true`, `${short}.reverse.patch`)}>
          <Undo2 aria-hidden className="size-4 text-muted" /> Reverse patch
        </MenuEntry>
        <MenuEntry onClick={() => save(`${base}/report`, `${short}.md`)}>
          <FileText aria-hidden className="size-4 text-muted" /> Report
        </MenuEntry>
        <MenuEntry onClick={() => save(`${base}/bundle`, `${flow.id}.cfx.tar.gz`)}>
          <Package aria-hidden className="size-4 text-muted" /> Bundle
        </MenuEntry>
      </Menu>
      {error !== null && <Failure compact error={error} className="w-full" />}
    </>
  );
}
