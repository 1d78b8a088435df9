"use client";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { get } from "@/api/client";
import { Button, Input, Select } from "@/components/ui";
import { useSettled } from "@/lib/hooks";
import { STAGES, STATUSES } from "./use-logs";

type Set = (changes: Record<string, string | null>) => void;
const SPANS = [["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]] as const;
const WORDS: Record<string, string> = { success: "Success", error: "Error", rate_limited: "Refused by a limit", cancelled: "Cancelled" };

export function Filters({ params, set, clear }: { params: URLSearchParams; set: Set; clear: (() => void) | null }) {
  const stages = useQuery({ queryKey: ["stages"], queryFn: () => get("/v1/stages"), staleTime: Infinity });
  const targets = [...(stages.data?.stages.flatMap((stage) => stage.targets) ?? []), ...(stages.data?.direct.map((model) => model.target) ?? [])];
  const models = [...new Set(targets.map((target) => target.model))].sort();
  const chosen = (name: string): string => params.get(name) ?? "";
  return (
    <div className="mb-4 flex flex-wrap items-center gap-2">
      <Choice name="Stage" value={chosen("stage")} options={STAGES.map((stage) => [stage, stage])} onChange={(value) => set({ stage: value })} />
      <Choice name="Status" value={chosen("status")} options={STATUSES.map((status) => [status, WORDS[status]!])} onChange={(value) => set({ status: value })} />
      <Choice name="Model" value={chosen("model")} options={models.map((model) => [model, model])} onChange={(value) => set({ model: value })} />
      <Choice name="Time" value={chosen("span")} options={SPANS} onChange={(value) => set({ span: value })} />
      <Session value={chosen("session")} onChange={(value) => set({ session: value })} />
      {chosen("flow") && (
        <Button size="sm" onClick={() => set({ flow: null })} title="Show the calls of all flows">
          Flow {chosen("flow").slice(0, 8)} ✕
        </Button>
      )}
      {clear && (
        <Button kind="ghost" size="sm" onClick={clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

function Choice({ name, value, options, onChange }: { name: string; value: string; options: readonly (readonly [string, string])[]; onChange: (value: string | null) => void }) {
  const known = options.some(([one]) => one === value);
  return (
    <Select aria-label={name} value={value} onChange={(event) => onChange(event.target.value || null)} className="h-8! w-auto! max-w-44 text-xs!">
      <option value="">{name}: any</option>
      {value && !known && <option value={value}>{value.slice(0, 60)}</option>}
      {options.map(([one, shown]) => (
        <option key={one} value={one}>
          {shown}
        </option>
      ))}
    </Select>
  );
}

function Session({ value, onChange }: { value: string; onChange: (value: string | null) => void }) {
  const [typed, type] = useState(value);
  const settled = useSettled(typed.trim(), 400);
  const sent = useRef(value);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value; // by Clear, a link or Back
    type(value);
  }, [value]);
  useEffect(() => {
    if (settled !== typed.trim() || settled === sent.current) return;
    sent.current = settled;
    onChange(settled || null);
  }, [settled, typed, onChange]);
  return <Input type="search" aria-label="Session" placeholder="Session id" maxLength={200} value={typed} onChange={(event) => type(event.target.value)} className="h-8! w-44! text-xs!" />;
}
