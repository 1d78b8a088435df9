"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CirclePause } from "lucide-react";
import { useState } from "react";
import { ApiError, get, post } from "@/api/client";
import type { Flow, Gate } from "@/api/types";
import { Failure } from "@/components/states";
import { Button, Field, TextArea } from "@/components/ui";
import { visible } from "@/lib/visible";

type Word = "approve" | "reject" | "revise";

/** A person's word at a gate, bound to the version that is on the screen. `onStale`: it came too late; the card goes. */
export function DecisionCard({ flow, onLook, onStale }: { flow: Flow; onLook: (gate: Gate) => void; onStale: (why: Error | null) => void }) {
  const queries = useQueryClient();
  const [comment, setComment] = useState("");
  const [plan, setPlan] = useState<string | null>(null);
  const [planError, setPlanError] = useState<unknown>(null);
  const gate = flow.gate ?? "patch";
  const decide = useMutation({
    mutationFn: (decision: Word) =>
      post("/v1/flows/{flow_id}/decision", {
        path: { flow_id: flow.id },
        body: { gate, decision, version: flow.version, ...(comment.trim() ? { comment: comment.trim() } : {}), ...(plan !== null && decision === "approve" ? { plan } : {}) },
      }),
    onMutate: () => onStale(null),
    onSuccess: (after) => queries.setQueryData(["flow", flow.id], after),
    onError: (error) => {
      if (!(error instanceof ApiError && error.status === 409)) return;
      onStale(error);
      void queries.invalidateQueries({ queryKey: ["flow", flow.id] });
    },
  });
  function editPlan(): void {
    setPlanError(null);
    get("/v1/flows/{flow_id}/plan", { path: { flow_id: flow.id } }).then((found) => setPlan(found.plan ?? ""), setPlanError);
  }
  return (
    <section aria-label={`Decide about the ${gate}`} className="rounded-xl bg-warn/6 p-4 ring-1 ring-warn/30 ring-inset">
      <div className="flex items-start gap-3">
        <CirclePause aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
        <div className="min-w-0 flex-1 space-y-3">
          <div>
            <h2 className="text-sm font-semibold">{gate === "plan" ? "The plan waits for your word" : "The patch waits for your word"}</h2>
            <p className="mt-0.5 text-[0.8125rem] break-words text-muted">
              {visible(flow.message ?? "")}{" "}
              <button type="button" onClick={() => onLook(gate)} className="rounded text-accent hover:underline">
                Look at the {gate}
              </button>
            </p>
          </div>
          {plan !== null && (
            <Field label="The plan to carry out" hint="It ends in its contract, the block marked json cfx-plan, to which every patch is held.">
              <TextArea rows={16} value={plan} onChange={(event) => setPlan(event.target.value)} className="font-mono text-xs!" />
            </Field>
          )}
          {planError !== null && <Failure compact error={planError} />}
          <Field label="Comment" hint={gate === "plan" ? "Needed to send it back; PLAN is shown it." : "Needed to send it back; CODE is shown it."}>
            <TextArea rows={2} value={comment} maxLength={20_000} onChange={(event) => setComment(event.target.value)} />
          </Field>
          {decide.error && <Failure compact error={decide.error} />}
          <div className="flex flex-wrap gap-2">
            <Button kind="primary" disabled={decide.isPending} onClick={() => decide.mutate("approve")}>
              {plan === null ? "Approve" : "Approve with this plan"}
            </Button>
            <Button disabled={decide.isPending || comment.trim() === ""} onClick={() => decide.mutate("revise")}>
              Send back
            </Button>
            <Button kind="danger" disabled={decide.isPending} onClick={() => decide.mutate("reject")}>
              Reject
            </Button>
            {gate === "plan" && plan === null && (
              <Button kind="ghost" onClick={editPlan}>
                Edit the plan
              </Button>
            )}
            {plan !== null && (
              <Button kind="ghost" onClick={() => setPlan(null)}>
                Leave it as it was
              </Button>
            )}
          </div>
        </div>
      </div>
    </section>
  );
}
