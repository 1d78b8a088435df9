"use client";

import { useQuery } from "@tanstack/react-query";
import { get } from "@/api/client";
import type { Flow } from "@/api/types";
import { Field, Input, Select } from "@/components/ui";
import { visible } from "@/lib/visible";

export const STAGES = ["plan", "code", "review"] as const;
type Stage = (typeof STAGES)[number];

/** A number that was typed; undefined where nothing was. */
export function numberOf(form: FormData, name: string): number | undefined {
  const typed = String(form.get(name) ?? "").trim();
  return typed === "" ? undefined : Number(typed);
}

export function budgetOf(form: FormData): { usd?: number; tokens?: number; seconds?: number } {
  const [usd, tokens, seconds] = [numberOf(form, "usd"), numberOf(form, "tokens"), numberOf(form, "seconds")];
  return { ...(usd ? { usd } : {}), ...(tokens ? { tokens } : {}), ...(seconds ? { seconds } : {}) };
}

export function stagesOf(form: FormData): Partial<Record<Stage, { model: string }>> {
  const chosen = STAGES.flatMap((stage) => {
    const model = String(form.get(`model-${stage}`) ?? "");
    return model ? [[stage, { model }] as const] : [];
  });
  return Object.fromEntries(chosen);
}

export function BudgetFields({ budget, hint }: { budget?: Flow["budget"]; hint?: string }) {
  return (
    <fieldset>
      <legend className="mb-1.5 text-xs font-medium text-muted">Budget</legend>
      <div className="grid grid-cols-3 gap-3">
        <Input name="usd" aria-label="US dollars" type="number" min={0} step="any" placeholder={budget ? `$${budget.usd}` : "USD"} />
        <Input name="tokens" aria-label="Tokens" type="number" min={1} placeholder={budget ? `${budget.tokens} tokens` : "tokens"} />
        <Input name="seconds" aria-label="Seconds" type="number" min={1} placeholder={budget ? `${budget.seconds} s` : "seconds"} />
      </div>
      {hint && <p className="mt-1 text-2xs text-faint">{hint}</p>}
    </fieldset>
  );
}

/** Tests to run on each patch, of those that the operator has named; nothing where there are none. */
export function TestsField() {
  const stages = useQuery({ queryKey: ["stages"], queryFn: () => get("/v1/stages"), staleTime: Infinity });
  const names = stages.data?.tests ?? [];
  if (names.length === 0) return null;
  return (
    <Field label="Tests" hint="Run on each patch before it is reviewed: what it breaks goes back." className="w-64">
      <Select name="tests" defaultValue="">
        <option value="">None</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {visible(name)}
          </option>
        ))}
      </Select>
    </Field>
  );
}

/** Another model for a stage, of those that may be named. */
export function StageFields() {
  const models = useQuery({ queryKey: ["models"], queryFn: () => get("/v1/models"), staleTime: 60_000 });
  const names = models.data?.data.map((model) => model.id).filter((id) => !id.startsWith("cfx-")) ?? [];
  return (
    <div className="grid gap-3 sm:grid-cols-3">
      {STAGES.map((stage) => (
        <Field key={stage} label={`Model for ${stage}`}>
          <Select name={`model-${stage}`} defaultValue="">
            <option value="">As configured</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
      ))}
    </div>
  );
}
