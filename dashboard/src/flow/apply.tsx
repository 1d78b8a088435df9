"use client";

import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { post } from "@/api/client";
import type { Flow } from "@/api/types";
import { Failure } from "@/components/states";
import { Button, Field, Input } from "@/components/ui";
import { plural } from "@/lib/format";
import { useNudge } from "./use-flow";

/** Writes an approved patch into the folder of the server that the flow has read, or takes it back. */
export function ApplyForm({ flow, way }: { flow: Flow; way: "apply" | "rollback" }) {
  const nudge = useNudge(flow.id);
  const act = useMutation({
    onSuccess: nudge,
    mutationFn: (form: FormData) => {
      const branch = String(form.get("branch") ?? "").trim();
      const body = { ...(form.get("commit") ? { commit: true } : {}), ...(branch ? { branch } : {}) };
      return post(way === "apply" ? "/v1/flows/{flow_id}/apply" : "/v1/flows/{flow_id}/rollback", { path: { flow_id: flow.id }, body });
    },
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    act.mutate(new FormData(event.currentTarget));
  }
  const done = act.data;
  return (
    <form onSubmit={submit} className="space-y-4 text-[0.8125rem]">
      <p className="text-muted">
        {way === "apply" ? "All of the patch or nothing is written into" : "Exactly what this flow has written is taken back from"} <span className="font-mono text-xs break-all text-ink">{flow.workspace}</span>; edits of your own elsewhere are kept.
      </p>
      <label className="flex items-center gap-2">
        <input type="checkbox" name="commit" className="size-4 accent-accent-strong" /> Commit it
      </label>
      {way === "apply" && (
        <Field label="New branch" hint="Commits there and switches to it; empty: stays where the folder is.">
          <Input name="branch" />
        </Field>
      )}
      {act.error && <Failure compact error={act.error} />}
      {done && (
        <p role="status" className="break-words text-good">
          {plural(done.written.length, "file")} {way === "apply" ? "written" : "as before"}{done.commit ? `, commit ${done.commit.slice(0, 10)}` : ""}
          {done.branch ? ` on ${done.branch}` : ""}. {done.notes.join(" ")}
        </p>
      )}
      <div className="flex justify-end">
        <Button kind={way === "apply" ? "primary" : "danger"} type="submit" disabled={act.isPending || done !== undefined}>
          {way === "apply" ? "Write it" : "Take it back"}
        </Button>
      </div>
    </form>
  );
}
