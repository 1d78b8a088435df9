"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useRef } from "react";
import type { FlowEvent } from "@/api/types";
import { Badge, Money, Panel, stageTone } from "@/components/ui";
import { count, duration, moment, plural } from "@/lib/format";
import { visible } from "@/lib/visible";

const ROW_PX = 34;

/** Every event as a line; only those in sight are drawn. */
export default function EventList({ events, onStep }: { events: readonly FlowEvent[]; onStep: (n: number) => void }) {
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: events.length, getScrollElement: () => frame.current, estimateSize: () => ROW_PX, overscan: 12 });
  const begin = events[0] ? Date.parse(events[0].at) : 0;
  return (
    <Panel title={plural(events.length, "event")}>
      <div ref={frame} tabIndex={0} role="region" aria-label="Events" className="h-[min(36rem,70dvh)] overflow-auto">
        <ol className="relative min-w-[36rem]" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const event = events[row.index];
            return event && <Line key={event.seq} event={event} begin={begin} top={row.start} onStep={onStep} />;
          })}
        </ol>
      </div>
    </Panel>
  );
}

const Line = memo(function Line({ event, begin, top, onStep }: { event: FlowEvent; begin: number; top: number; onStep: (n: number) => void }) {
  const { step } = event;
  return (
    <li style={{ transform: `translateY(${top}px)`, height: ROW_PX }} className="absolute inset-x-0 flex items-center gap-3 border-b border-line/40 px-4 text-xs">
      <span className="num w-10 shrink-0 text-right text-faint">{event.seq}</span>
      <time dateTime={event.at} title={moment(event.at)} className="num w-20 shrink-0 text-muted">
        +{duration(Date.parse(event.at) - begin)}
      </time>
      <span className="w-36 shrink-0 font-mono text-2xs">{event.type}</span>
      <span className="w-14 shrink-0">
        {step !== null && (
          <button type="button" onClick={() => onStep(step)} className="rounded text-accent hover:underline">
            step {step}
          </button>
        )}
      </span>
      <span className="w-14 shrink-0">{event.stage && <Badge tone={stageTone(event.stage)}>{event.stage}</Badge>}</span>
      <span className="min-w-0 flex-1 truncate text-muted">{told(event)}</span>
      {event.cost_usd !== null && <Money usd={event.cost_usd} className="text-muted" />}
    </li>
  );
});

function told(event: FlowEvent): string {
  const { data } = event;
  const words = [event.model, data.node && !event.stage ? data.node : null, data.status, data.code, data.verdict, data.decision, data.gate, data.reason, data.summary ?? data.message].filter((word) => typeof word === "string" && word !== "");
  if (typeof data.output_chars === "number") words.push(plural(data.output_chars, "character"));
  const tokens = (event.input_tokens ?? 0) + (event.output_tokens ?? 0);
  if (tokens) words.push(`${count(tokens)} tokens`);
  return visible(words.join(" · ").slice(0, 400));
}
