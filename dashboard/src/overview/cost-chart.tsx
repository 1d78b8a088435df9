"use client";

import clsx from "clsx";
import { scaleBand, scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import { useRef, useState } from "react";
import { money } from "@/lib/format";
import { useWidth } from "@/lib/hooks";
import { type Day, STAGES, type StageKey } from "./days";

const FILL: Record<StageKey, string> = { plan: "fill-plan", code: "fill-code", review: "fill-review", direct: "fill-direct", other: "fill-check" };
const DOT: Record<StageKey, string> = { plan: "bg-plan", code: "bg-code", review: "bg-review", direct: "bg-direct", other: "bg-check" };
const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;
/** of a day's name and the space around it */
const NAME_PX = 96;
const dayName = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Stacked bars, a day each. The table below it says the same to who cannot see them. */
export default function CostChart({ days }: { days: readonly Day[] }) {
  const [at, point] = useState<number | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const used = STAGES.filter((stage) => days.some((day) => day[stage] > 0));
  const most = Math.max(...days.map((day) => day.total));
  const x = scaleBand<number>().domain(days.map((_, n) => n)).range([LEFT, width]).paddingInner(0.28).paddingOuter(0.1);
  const y = scaleLinear().domain([0, most || 1]).nice(4).range([HEIGHT - BOTTOM, TOP]);
  const layers = stack<Day, StageKey>().keys(used)([...days]);
  const every = Math.ceil((days.length * NAME_PX) / Math.max(width - LEFT, NAME_PX));
  const shown = at === null ? undefined : days[at];
  return (
    <figure className="p-4">
      <Legend stages={used} day={shown} />
      <div ref={frame} className="mt-2 overflow-hidden">
        <svg width={width} height={HEIGHT} role="img" aria-label="Cost per day and stage" className="block" onPointerLeave={() => point(null)}>
          {y.ticks(4).map((tick) => (
            <g key={tick}>
              <line x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} className="stroke-line" strokeDasharray={tick === 0 ? undefined : "2 4"} />
              <text x={LEFT - 8} y={y(tick)} dy="0.32em" textAnchor="end" className="num fill-faint text-[11px]">
                {money(tick)}
              </text>
            </g>
          ))}
          {layers.map((layer) => (
            <g key={layer.key} className={FILL[layer.key]}>
              {layer.map(([low, high], n) => high > low && <rect key={n} x={x(n)} width={x.bandwidth()} y={y(high)} height={Math.max(0.75, y(low) - y(high))} rx={1.5} className={clsx("transition-opacity", at !== null && at !== n && "opacity-35")} />)}
            </g>
          ))}
          {days.map((day, n) => (
            <g key={day.day}>
              {(days.length - 1 - n) % every === 0 && (
                <text x={(x(n) ?? 0) + x.bandwidth() / 2} y={HEIGHT - 6} textAnchor={n === days.length - 1 ? "end" : "middle"} className="fill-faint text-[11px]">
                  {dayName.format(new Date(day.day))}
                </text>
              )}
              <rect x={(x(n) ?? 0) - x.step() * 0.14} width={x.step()} y={0} height={HEIGHT} fill="transparent" onPointerEnter={() => point(n)} />
            </g>
          ))}
        </svg>
      </div>
      <Numbers days={days} stages={used} />
    </figure>
  );
}

function Legend({ stages, day }: { stages: readonly StageKey[]; day: Day | undefined }) {
  return (
    <figcaption className="flex min-h-5 flex-wrap items-center gap-x-4 gap-y-1 text-xs text-muted">
      {stages.map((stage) => (
        <span key={stage} className="inline-flex items-center gap-1.5">
          <span aria-hidden className={clsx("size-2 rounded-sm", DOT[stage])} /> {stage}
          {day && <span className="num text-ink">{money(day[stage])}</span>}
        </span>
      ))}
      {day && (
        <span className="ml-auto">
          {dayName.format(new Date(day.day))} <span className="num ml-1 font-medium text-ink">{money(day.total)}</span>
        </span>
      )}
    </figcaption>
  );
}

function Numbers({ days, stages }: { days: readonly Day[]; stages: readonly StageKey[] }) {
  return (
    <table className="sr-only">
      <caption>Cost per day and stage</caption>
      <thead>
        <tr>
          <th scope="col">Day</th>
          {stages.map((stage) => (
            <th key={stage} scope="col">{stage}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days.filter((day) => day.total > 0).map((day) => (
          <tr key={day.day}>
            <th scope="row">{day.day}</th>
            {stages.map((stage) => (
              <td key={stage}>{money(day[stage])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
