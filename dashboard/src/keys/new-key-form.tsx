"use client";

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { post } from "@/api/client";
import type { KeyMade } from "@/api/types";
import { Failure } from "@/components/states";
import { Button, Field, Input, Select } from "@/components/ui";

const LIVES = [["", "Never"], ["7", "In 7 days"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]] as const;
const STAGES = ["plan", "code", "review", "direct"] as const;
const DAY_MS = 86_400_000;

export function NewKeyForm({ onMade, onCancel }: { onMade: (made: KeyMade) => void; onCancel: () => void }) {
  const [label, setLabel] = useState("");
  const [days, setDays] = useState("90");
  const [perDay, setPerDay] = useState("");
  const [streams, setStreams] = useState("");
  const [stages, setStages] = useState<readonly string[]>([]);
  const make = useMutation({
    mutationFn: () =>
      post("/v1/keys", {
        body: {
          label: label.trim() || null,
          expires_at: days ? new Date(Date.now() + Number(days) * DAY_MS).toISOString() : null,
          daily_limit: perDay === "" ? null : Number(perDay),
          max_streams: streams === "" ? null : Number(streams),
          stages: stages.length > 0 ? stages : null,
        },
      }),
    onSuccess: onMade,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Label" hint="What it is for: an editor, a script, a machine.">
        <Input autoFocus maxLength={200} placeholder="laptop" value={label} onChange={(event) => setLabel(event.target.value)} />
      </Field>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label="Expires">
          <Select value={days} onChange={(event) => setDays(event.target.value)}>
            {LIVES.map(([value, name]) => (
              <option key={value} value={value}>{name}</option>
            ))}
          </Select>
        </Field>
        <Field label="Calls a day">
          <Input type="number" min={0} step={1} inputMode="numeric" placeholder="as yours" value={perDay} onChange={(event) => setPerDay(event.target.value)} />
        </Field>
        <Field label="Streams at a time">
          <Input type="number" min={0} step={1} inputMode="numeric" placeholder="as yours" value={streams} onChange={(event) => setStreams(event.target.value)} />
        </Field>
      </div>
      <fieldset>
        <legend className="mb-1.5 text-xs font-medium text-muted">Only for these stages</legend>
        <div className="flex flex-wrap gap-x-5 gap-y-2">
          {STAGES.map((stage) => (
            <label key={stage} className="flex items-center gap-2 text-[0.8125rem]">
              <input type="checkbox" checked={stages.includes(stage)} onChange={(event) => setStages(event.target.checked ? [...stages, stage] : stages.filter((one) => one !== stage))} className="accent-accent-strong" />
              {stage}
            </label>
          ))}
        </div>
        <p className="mt-1 text-2xs text-faint">None marked: for all.</p>
      </fieldset>
      <p className="text-xs text-faint">A key may not give more than the one that you signed in with.</p>
      {make.error && <Failure compact error={make.error} />}
      <div className="flex justify-end gap-2">
        <Button kind="ghost" onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={make.isPending}>{make.isPending ? "Creating" : "Create key"}</Button>
      </div>
    </form>
  );
}
