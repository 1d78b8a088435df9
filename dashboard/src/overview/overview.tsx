"use client";

import { useQuery } from "@tanstack/react-query";
import { ChartNoAxesColumn } from "lucide-react";
import dynamic from "next/dynamic";
import { useMemo, useState } from "react";
import { get } from "@/api/client";
import type { Usage } from "@/api/types";
import { Empty, Loading, Shown } from "@/components/states";
import { PageHead, Panel, Segmented } from "@/components/ui";
import { count, money } from "@/lib/format";
import { costPerDay, daysBack, sumOf } from "./days";
import { Health } from "./health";
import { Running } from "./running";
import { Today } from "./today";

const CostChart = dynamic(() => import("./cost-chart"), { ssr: false, loading: () => <Loading rows={6} label="Loading the chart" /> });
const RANGES = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]] as const;
type Range = (typeof RANGES)[number][0];

export function Overview() {
  const [range, choose] = useState<Range>("30");
  const from = useMemo(() => daysBack(new Date().toISOString().slice(0, 10), 90)[0]!, []);
  const usage = useQuery({ queryKey: ["usage", from], queryFn: ({ signal }) => get("/v1/usage", { query: { from }, signal }), refetchInterval: 15_000 });
  const status = useQuery({ queryKey: ["status"], queryFn: ({ signal }) => get("/v1/status", { signal }), refetchInterval: 5_000 });
  return (
    <>
      <PageHead title="Overview" note={status.data && `Signed in as ${status.data.account.name}`} />
      <div className="grid gap-4 lg:grid-cols-3">
        <Panel title="Today" className="lg:col-span-1">
          <Shown of={status}>{(now) => <Today now={now} />}</Shown>
        </Panel>
        <Panel title="Spent" className="flex flex-col lg:col-span-2">
          <Shown of={usage}>{(used) => <Spent usage={used} />}</Shown>
        </Panel>
        <Panel title="Cost per stage" className="lg:col-span-2" aside={<Segmented label="Days" value={range} options={RANGES} onChange={choose} />}>
          <Shown of={usage} loading={<Loading rows={6} />}>{(used) => <Chart usage={used} days={Number(range)} />}</Shown>
        </Panel>
        <Panel title="Running flows" className="lg:col-span-1">
          <Running />
        </Panel>
        <div className="lg:col-span-3">
          <Shown of={status}>{(now) => <Health now={now} />}</Shown>
        </div>
      </div>
    </>
  );
}

function Chart({ usage, days }: { usage: Usage; days: number }) {
  const bars = costPerDay(usage.data, usage.to, days);
  if (bars.every((day) => day.total === 0)) {
    return (
      <Empty icon={ChartNoAxesColumn} title="Nothing spent yet">
        Once a flow or an editor has called a model, a bar shows what each stage has cost.
      </Empty>
    );
  }
  return <CostChart days={bars} />;
}

function Spent({ usage }: { usage: Usage }) {
  const sums = ([["Today", 1], ["Last 7 days", 7], ["Last 30 days", 30]] as const).map(
    ([name, days]) => [name, sumOf(usage.data, daysBack(usage.to, days))] as const,
  );
  const { month } = usage;
  return (
    <div className="grid grow sm:grid-cols-3 sm:divide-x sm:divide-line max-sm:divide-y max-sm:divide-line">
      {sums.map(([name, sum]) => (
        <div key={name} className="px-4 py-3.5">
          <p className="text-xs text-muted">{name}</p>
          <p className="num mt-0.5 text-2xl font-semibold tracking-tight">{money(sum.cost)}</p>
          <p className="num mt-1 text-xs text-faint">
            {count(sum.tokens)} tokens · {count(sum.requests)} {sum.requests === 1 ? "call" : "calls"}
          </p>
        </div>
      ))}
      {month.limit_usd !== null && (
        <p className="border-t border-line px-4 py-2.5 text-xs text-muted sm:col-span-3">
          Budget of this month: <span className="num text-ink">{money(month.used_usd)}</span> of {money(month.limit_usd)} used
        </p>
      )}
    </div>
  );
}
