"use client";

import type { StatusNow } from "@/api/types";
import { Badge, Panel, stageTone, State } from "@/components/ui";
import { duration, plural } from "@/lib/format";

const STATES = { closed: ["good", "answers"], half_open: ["warn", "is tried again"], open: ["bad", "rests"] } as const;

/** How calls have gone of late, and which targets are asked at all. */
export function Health({ now }: { now: StatusNow }) {
  return (
    <div className="grid gap-4 lg:grid-cols-3">
      <Panel title="Last hour" className="lg:col-span-2" aside={<span className="num text-xs text-faint">{plural(now.window.calls, "call")}{now.window.is_sample ? ", the newest" : ""}</span>}>
        <dl className="grid grid-cols-2 gap-px bg-line sm:grid-cols-4">
          <Figure name="Latency p50" value={ms(now.latency_ms?.p50)} />
          <Figure name="Latency p95" value={ms(now.latency_ms?.p95)} />
          <Figure name="First token p50" value={ms(now.ttft_ms?.p50)} note={now.ttft_ms ? `p95 ${ms(now.ttft_ms.p95)}` : undefined} />
          <Figure name="Errors" value={percent(now.error_rate)} bad={(now.error_rate ?? 0) > 0.05} />
        </dl>
        {now.by_stage.length > 0 && (
          <ul className="divide-y divide-line/60 border-t border-line">
            {now.by_stage.map((stage) => (
              <li key={stage.stage} className="flex flex-wrap items-center gap-x-5 gap-y-1 px-4 py-2 text-xs text-muted">
                <Badge tone={stageTone(stage.stage)} className="w-16 justify-center">{stage.stage}</Badge>
                <span className="num w-16">{plural(stage.calls, "call")}</span>
                <span className="num">p50 {ms(stage.latency_ms?.p50)}</span>
                <span className="num">p95 {ms(stage.latency_ms?.p95)}</span>
                <span className="num ml-auto">{percent(stage.error_rate)} errors</span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Panel title="Targets">
        <ul className="divide-y divide-line/60">
          {now.breakers.map((breaker) => {
            const [tone, word] = STATES[breaker.state];
            return (
              <li key={breaker.target} className="flex items-center gap-3 px-4 py-2 text-[0.8125rem]">
                <span className="min-w-0 truncate font-mono text-xs" title={breaker.target}>{breaker.target}</span>
                <State tone={tone} className="ml-auto">{word}</State>
              </li>
            );
          })}
        </ul>
      </Panel>
    </div>
  );
}

function Figure({ name, value, note, bad = false }: { name: string; value: string; note?: string | undefined; bad?: boolean }) {
  return (
    <div className="bg-panel px-4 py-3">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className={`num mt-0.5 text-lg font-semibold tracking-tight ${bad ? "text-bad" : ""}`}>
        {value} {note && <span className="text-xs font-normal text-faint">{note}</span>}
      </dd>
    </div>
  );
}

function ms(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : duration(value);
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
}
