"use client";

import clsx from "clsx";
import { Minus, Plus, Scan } from "lucide-react";
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Button, Kbd } from "@/components/ui";
import { duration, money, plural } from "@/lib/format";
import { useNow, useWidth } from "@/lib/hooks";
import { neighbour, type Scale, scaleOf, type Span, ticksOf, zoomed } from "./geometry";
import { type Lane, LANES, outcomeOf, type StepBar, type Story } from "./story";

const NAMES: Record<Lane, string> = { plan: "Plan", code: "Code", check: "Check", tests: "Tests", review: "Review", person: "You" };
const FILLS: Record<Lane, string> = {
  plan: "bg-plan/75 hover:bg-plan",
  code: "bg-code/75 hover:bg-code",
  check: "bg-check/75 hover:bg-check",
  tests: "bg-tests/75 hover:bg-tests",
  review: "bg-review/75 hover:bg-review",
  person: "bg-accent/75 hover:bg-accent",
};
const MARKS = { good: "bg-good", bad: "bg-bad", warn: "bg-warn", plain: "bg-check" };
const ROW_PX = 34;
const TICK_PX = 90;
/** A label further right would be cut off. */
const LAST_LABEL = 0.97;
const LIVE_MS = 250;
const CALM_MS = 3_600_000;

interface Props {
  readonly story: Story;
  /** it goes on: the end of the line is now */
  readonly live: boolean;
  readonly selected: number | null;
  readonly onSelect: (n: number) => void;
}

/** A lane per stage, a bar per step, idle stretches folded. Arrow keys walk, Enter opens, + and − zoom, 0 fits. */
export function Timeline({ story, live, selected, onSelect }: Props) {
  const now = useNow(live ? LIVE_MS : CALM_MS);
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const { zoom, by, fit } = useZoom(frame);
  const whole = useMemo<Span>(() => ({ from: story.from ?? now, to: Math.max(story.to ?? now, story.from ?? now) }), [story, now]);
  const scale = useMemo(() => scaleOf(busyOf(story, whole.to), whole), [story, whole]);
  const lanes = useMemo(() => lanesOf(story), [story]);
  const ticks = useMemo(() => ticksOf(scale, whole.from, Math.max(3, (width * zoom) / TICK_PX)), [scale, whole.from, width, zoom]);
  const [focused, focus] = useState<number | null>(null);
  const here = focused ?? selected ?? story.steps[0]?.n ?? null;

  function onKeyDown(event: React.KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") return by(1);
    if (event.key === "-") return by(-1);
    if (event.key === "0") return fit();
    const placed = story.steps.map((step) => ({ n: step.n, row: lanes.indexOf(step.lane), from: step.from }));
    const next = here === null ? null : neighbour(placed, here, event.key);
    if (next === null) return;
    event.preventDefault();
    focus(next);
    frame.current?.querySelector<HTMLElement>(`[data-step="${next}"]`)?.focus();
  }

  return (
    <div>
      <div className="flex">
        <div aria-hidden className="w-16 shrink-0 border-r border-line pt-7 text-xs text-muted sm:w-20">
          {lanes.map((lane) => (
            <div key={lane} style={{ height: ROW_PX }} className="flex items-center pl-3 sm:pl-4">
              {NAMES[lane]}
            </div>
          ))}
        </div>
        <div ref={frame} className="min-w-0 flex-1 overflow-x-auto overflow-y-hidden" role="group" aria-label="Timeline. Arrow keys go from step to step, Enter opens one." onKeyDown={onKeyDown}>
          <div className="relative pt-7" style={{ width: `${zoom * 100}%`, minWidth: "100%" }}>
            <Ruler scale={scale} ticks={ticks} rows={lanes.length} />
            <Rounds story={story} scale={scale} to={whole.to} />
            <div className="relative mx-2">
              {lanes.map((lane) => (
                <div key={lane} className="relative border-t border-line/40" style={{ height: ROW_PX }}>
                  {lane === "person" && story.waits.map((wait) => <WaitBar key={wait.from} wait={wait} x0={scale.x(wait.from)} x1={scale.x(wait.to ?? whole.to)} ms={(wait.to ?? whole.to) - wait.from} />)}
                  {story.steps
                    .filter((step) => step.lane === lane)
                    .map((step) => (
                      <Bar key={step.n} step={step} x0={scale.x(step.from)} x1={scale.x(step.to ?? whole.to)} ms={(step.to ?? whole.to) - step.from} reachable={step.n === here} selected={step.n === selected} onSelect={onSelect} onFocus={focus} />
                    ))}
                </div>
              ))}
            </div>
          </div>
        </div>
      </div>
      <Tools zoom={zoom} by={by} fit={fit} />
    </div>
  );
}

interface BarProps {
  readonly step: StepBar;
  readonly x0: number;
  readonly x1: number;
  readonly ms: number;
  readonly reachable: boolean;
  readonly selected: boolean;
  readonly onSelect: (n: number) => void;
  readonly onFocus: (n: number) => void;
}

const Bar = memo(function Bar({ step, x0, x1, ms, reachable, selected, onSelect, onFocus }: BarProps) {
  const [tone, word] = outcomeOf(step);
  const said = tell(step, ms, word);
  const isMark = step.lane === "check" || step.lane === "person";
  const place = isMark ? { left: `${x1 * 100}%` } : { left: `${x0 * 100}%`, width: `${(x1 - x0) * 100}%` };
  return (
    <button
      type="button"
      data-step={step.n}
      tabIndex={reachable ? 0 : -1}
      aria-label={said}
      aria-current={selected ? "step" : undefined}
      title={said}
      style={place}
      onFocus={() => onFocus(step.n)}
      onClick={() => onSelect(step.n)}
      className={clsx(
        "absolute top-1/2 -translate-y-1/2 outline-offset-1 transition-colors",
        isMark ? clsx("-ml-[5px] size-2.5 rotate-45 rounded-[2px] hover:scale-125", MARKS[tone]) : clsx("@container h-5 min-w-1 overflow-hidden rounded text-left shadow-[inset_-1px_0_0_var(--color-panel)]", FILLS[step.lane]),
        step.state === "running" && !isMark && "animate-breathe",
        (step.state === "failed" || step.state === "cancelled") && !isMark && "opacity-60 ring-2 ring-bad/70 ring-inset",
        step.copied && "opacity-50",
        selected && "z-10 ring-2 ring-white ring-offset-2 ring-offset-panel",
      )}
    >
      {!isMark && (
        <span aria-hidden className="block truncate px-1.5 text-2xs leading-5 font-medium text-black/85 @max-[3.5rem]:hidden">
          {step.model ?? (step.tests ? word : step.chars > 0 ? plural(step.chars, "character") : "")}
        </span>
      )}
      {(step.review ?? step.tests) && <span aria-hidden className={clsx("absolute inset-y-0 right-0 w-1", MARKS[tone])} />}
    </button>
  );
});

function tell(step: StepBar, ms: number, word: string): string {
  const parts = [`Step ${step.n}, ${step.node.replace("_", " ")}`, step.round > 0 ? `round ${step.round}` : "planning", step.model, word, duration(ms)];
  if (step.costUsd > 0) parts.push(money(step.costUsd));
  if (step.restarts > 0) parts.push(`begun again ${plural(step.restarts, "time")}`);
  if (step.copied) parts.push("taken over");
  return parts.filter(Boolean).join(", ");
}

function WaitBar({ wait, x0, x1, ms }: { wait: Story["waits"][number]; x0: number; x1: number; ms: number }) {
  const said = wait.to === null ? `waits for your word on the ${wait.gate}` : `waited ${duration(ms)} for a word on the ${wait.gate}: ${wait.decision ?? "none came"}`;
  return (
    <span role="img" aria-label={said} title={said} style={{ left: `${x0 * 100}%`, width: `${(x1 - x0) * 100}%` }} className={clsx("absolute top-1/2 h-5 min-w-1 -translate-y-1/2 rounded border border-dashed", wait.to === null ? "animate-breathe border-warn bg-warn/15" : "border-accent/50 bg-accent/10")} />
  );
}

function Ruler({ scale, ticks, rows }: { scale: Scale; ticks: readonly { x: number; ms: number }[]; rows: number }) {
  return (
    <div aria-hidden className="absolute top-0 right-2 left-2" style={{ height: rows * ROW_PX + 28 }}>
      {ticks.map((tick) => (
        <span key={tick.ms} style={{ left: `${tick.x * 100}%` }} className="absolute inset-y-0 border-l border-line/50">
          <span className="num absolute top-1.5 pl-1.5 text-2xs whitespace-nowrap text-faint">{tick.x > LAST_LABEL ? "" : tick.ms === 0 ? "0" : duration(tick.ms)}</span>
        </span>
      ))}
      {scale.pieces
        .filter((piece) => piece.folded)
        .map((piece) => (
          <span key={piece.from} title={`${duration(piece.to - piece.from)} in which nothing ran`} style={{ left: `${piece.x0 * 100}%`, width: `${(piece.x1 - piece.x0) * 100}%` }} className="absolute top-7 bottom-0 border-x border-line bg-[repeating-linear-gradient(135deg,transparent_0_4px,var(--color-line)_4px_5px)]">
            <span className="num absolute -top-[1.35rem] left-1/2 z-10 -translate-x-1/2 rounded bg-panel px-1 text-2xs whitespace-nowrap text-muted">{duration(piece.to - piece.from)}</span>
          </span>
        ))}
    </div>
  );
}

/** A line over the steps of each round. */
function Rounds({ story, scale, to }: { story: Story; scale: Scale; to: number }) {
  const rounds = new Map<number, { from: number; to: number }>();
  for (const step of story.steps) {
    const known = rounds.get(step.round);
    rounds.set(step.round, { from: Math.min(known?.from ?? step.from, step.from), to: Math.max(known?.to ?? 0, step.to ?? to) });
  }
  return (
    <div aria-hidden className="absolute inset-x-2 top-6">
      {[...rounds].map(([round, span]) => {
        const x0 = scale.x(span.from);
        return (
          <span key={round} title={round ? `Round ${round}` : "Planning"} style={{ left: `${x0 * 100}%`, width: `calc(${(scale.x(span.to) - x0) * 100}% - 1px)` }} className={clsx("absolute h-0.5 rounded-full", round === 0 ? "bg-plan/60" : round % 2 ? "bg-white/30" : "bg-white/55")} />
        );
      })}
    </div>
  );
}

function Tools({ zoom, by, fit }: { zoom: number; by: (steps: number) => void; fit: () => void }) {
  return (
    <div className="flex items-center gap-1 border-t border-line px-3 py-1.5 text-2xs text-faint">
      <span className="mr-auto flex items-center gap-3 max-sm:hidden">
        <span><Kbd>←</Kbd> <Kbd>→</Kbd> steps</span>
        <span><Kbd>↑</Kbd> <Kbd>↓</Kbd> lanes</span>
        <span><Kbd>+</Kbd> <Kbd>−</Kbd> <Kbd>0</Kbd> zoom</span>
      </span>
      <span className="num ml-auto">{zoom === 1 ? "" : `${zoom.toFixed(1)}×`}</span>
      <Button kind="ghost" size="sm" aria-label="Zoom out" disabled={zoom === 1} onClick={() => by(-1)}><Minus aria-hidden className="size-3.5" /></Button>
      <Button kind="ghost" size="sm" aria-label="Zoom in" onClick={() => by(1)}><Plus aria-hidden className="size-3.5" /></Button>
      <Button kind="ghost" size="sm" aria-label="Show everything" disabled={zoom === 1} onClick={fit}><Scan aria-hidden className="size-3.5" /></Button>
    </div>
  );
}

/** By buttons and keys around the middle, by wheel with Ctrl (or a pinch) around the pointer. */
function useZoom(frame: React.RefObject<HTMLDivElement | null>) {
  const [zoom, setZoom] = useState(1);
  const scroll = useRef<number | null>(null);
  const by = useCallback(
    (steps: number, anchor?: number) => {
      const element = frame.current;
      if (!element) return;
      setZoom((now) => {
        const next = zoomed(now, steps, element.scrollLeft, anchor ?? element.clientWidth / 2);
        scroll.current = next.scroll;
        return next.zoom;
      });
    },
    [frame],
  );
  useLayoutEffect(() => {
    if (frame.current && scroll.current !== null) frame.current.scrollLeft = scroll.current;
    scroll.current = null;
  }, [zoom, frame]);
  useEffect(() => {
    const element = frame.current;
    function onWheel(event: WheelEvent): void {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault(); // or the whole page is zoomed
      by(-event.deltaY / 120, event.clientX - (element?.getBoundingClientRect().left ?? 0));
    }
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [by, frame]);
  return { zoom, by, fit: () => setZoom(1) };
}

function busyOf(story: Story, end: number): Span[] {
  return story.steps.map((step) => ({ from: step.from, to: step.to ?? end }));
}

/** The three that every flow has, and what else occurs, in the order in which work goes. */
function lanesOf(story: Story): Lane[] {
  const there = new Set<Lane>(["plan", "code", "check", "review", ...story.steps.map((step) => step.lane)]);
  if (story.waits.length > 0) there.add("person");
  return LANES.filter((lane) => there.has(lane));
}
