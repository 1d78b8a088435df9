"use client";

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { get, post } from "@/api/client";
import type { Flow } from "@/api/types";
import { Failure } from "@/components/states";
import { Button, Field, Input, TextArea } from "@/components/ui";
import { visible } from "@/lib/visible";
import { BudgetFields, budgetOf, numberOf, StageFields, stagesOf } from "./option-fields";

/** Goes on from where it stopped; a comment is the answer to what the flow asked. */
export function ResumeForm({ flow, onDone }: { flow: Flow; onDone: () => void }) {
  const resume = useMutation({
    mutationFn: (form: FormData) => {
      const comment = String(form.get("comment") ?? "").trim();
      const rounds = numberOf(form, "max_rounds");
      return post("/v1/flows/{flow_id}/resume", {
        path: { flow_id: flow.id },
        body: { budget: budgetOf(form), ...(rounds ? { max_rounds: rounds } : {}), ...(comment ? { comment } : {}) },
      });
    },
    onSuccess: onDone,
  });
  const outOfRounds = flow.reason === "max_rounds";
  return (
    <form onSubmit={submitted(resume.mutate)} className="space-y-4">
      <p className="text-[0.8125rem] text-muted">{visible(flow.message ?? "")} Finished steps, and answers that were paid for, are not asked for again.</p>
      {flow.status === "rejected" && (
        <Field label="What CODE should know">
          <TextArea name="comment" rows={3} />
        </Field>
      )}
      <Field label="Rounds in all" hint={`It was allowed ${flow.max_rounds}.`}>
        <Input name="max_rounds" type="number" min={2} max={10} defaultValue={outOfRounds ? Math.min(10, flow.max_rounds + 2) : undefined} required={outOfRounds} />
      </Field>
      <BudgetFields budget={flow.budget} hint="The whole budget from now on; empty: as it was." />
      {resume.error && <Failure compact error={resume.error} />}
      <div className="flex justify-end">
        <Button kind="primary" type="submit" disabled={resume.isPending}>
          Resume
        </Button>
      </div>
    </form>
  );
}

export function ForkForm({ flow, lastStep, onDone }: { flow: Flow; lastStep: number; onDone: (id: string) => void }) {
  const [plan, setPlan] = useState<string | null>(null);
  const [planError, setPlanError] = useState<unknown>(null);
  const fork = useMutation({
    mutationFn: (form: FormData) => {
      const rounds = numberOf(form, "max_rounds");
      return post("/v1/flows/{flow_id}/fork", {
        path: { flow_id: flow.id },
        body: { step: numberOf(form, "step") ?? 0, stages: stagesOf(form), budget: budgetOf(form), ...(plan !== null ? { plan } : {}), ...(rounds ? { max_rounds: rounds } : {}) },
      });
    },
    onSuccess: ({ id }) => onDone(id),
  });
  const plannedBy = Math.min(1, lastStep);
  function editPlan(): void {
    get("/v1/flows/{flow_id}/plan", { path: { flow_id: flow.id } }).then((found) => setPlan(found.plan ?? ""), setPlanError);
  }
  return (
    <form onSubmit={submitted(fork.mutate)} className="space-y-4">
      <p className="text-[0.8125rem] text-muted">A new flow on the same files. What is taken over is neither asked for nor paid again; this flow stays as it is.</p>
      <Field label="Take over steps up to" hint={`0: none, the plan is made anew. The last one is ${lastStep}.`}>
        {/* Anew with its default when the steps come in after the form. */}
        <Input key={plannedBy} name="step" type="number" min={0} max={lastStep} defaultValue={plannedBy} required />
      </Field>
      {plan === null ? (
        <Button size="sm" onClick={editPlan}>
          Write another plan
        </Button>
      ) : (
        <Field label="Plan instead of the one taken over" hint="It ends in its contract, the block marked json cfx-plan.">
          <TextArea rows={12} value={plan} onChange={(event) => setPlan(event.target.value)} className="font-mono text-xs!" />
        </Field>
      )}
      {planError !== null && <Failure compact error={planError} />}
      <StageFields />
      <Field label="Rounds in all" hint="Empty: as this flow's.">
        <Input name="max_rounds" type="number" min={1} max={10} />
      </Field>
      <BudgetFields budget={flow.budget} hint="The new flow's own; empty: as this one's." />
      {fork.error && <Failure compact error={fork.error} />}
      <div className="flex justify-end">
        <Button kind="primary" type="submit" disabled={fork.isPending}>
          Fork
        </Button>
      </div>
    </form>
  );
}

function submitted(send: (form: FormData) => void) {
  return (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    send(new FormData(event.currentTarget));
  };
}
