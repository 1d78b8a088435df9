"use client";

import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";
import { moment, money, relative } from "@/lib/format";
import { useNow } from "@/lib/hooks";

type Tone = "plain" | "accent" | "good" | "bad" | "warn" | "busy" | "plan" | "code" | "check" | "tests" | "review" | "direct";

const TONES: Record<Tone, string> = {
  plain: "text-muted bg-white/6 ring-white/8",
  accent: "text-accent bg-accent/12 ring-accent/25",
  good: "text-good bg-good/10 ring-good/25",
  bad: "text-bad bg-bad/10 ring-bad/25",
  warn: "text-warn bg-warn/10 ring-warn/25",
  busy: "text-busy bg-busy/10 ring-busy/25",
  plan: "text-plan bg-plan/10 ring-plan/25",
  code: "text-code bg-code/10 ring-code/25",
  check: "text-check bg-check/10 ring-check/25",
  tests: "text-tests bg-tests/10 ring-tests/25",
  review: "text-review bg-review/10 ring-review/25",
  direct: "text-direct bg-direct/10 ring-direct/25",
};

export function Badge({ tone = "plain", className, children }: { tone?: Tone; className?: string; children: ReactNode }) {
  return (
    <span className={clsx("inline-flex h-5 max-w-full items-center gap-1 rounded-md px-1.5 text-2xs font-medium whitespace-nowrap ring-1 ring-inset", TONES[tone], className)}>
      {children}
    </span>
  );
}

const DOTS = { good: "bg-good", bad: "bg-bad", warn: "bg-warn", plain: "bg-faint" };

/** A state in a table: what is well is quiet, the rest stands out. */
export function State({ tone, className, children }: { tone: keyof typeof DOTS; className?: string; children: ReactNode }) {
  if (tone === "bad" || tone === "warn") return <Badge tone={tone} className={className}>{children}</Badge>;
  return (
    <span className={clsx("inline-flex items-center gap-1.5 align-middle text-xs whitespace-nowrap text-muted", className)}>
      <span aria-hidden className={clsx("size-1.5 rounded-full", DOTS[tone])} />
      {children}
    </span>
  );
}

const STAGES = ["plan", "code", "check", "tests", "review", "direct"] as const;

export function stageTone(stage: string | null | undefined): Tone {
  return STAGES.find((one) => one === stage) ?? "plain";
}

type ButtonProps = ComponentProps<"button"> & { kind?: "plain" | "primary" | "danger" | "ghost"; size?: "sm" | "md" };

const KINDS = {
  plain: "bg-raised text-ink ring-1 ring-inset ring-line-strong hover:bg-line",
  primary: "bg-accent-strong text-white hover:brightness-115",
  danger: "bg-bad/12 text-bad ring-1 ring-inset ring-bad/35 hover:bg-bad/20",
  ghost: "text-muted hover:bg-white/6 hover:text-ink",
};

export function buttonClass(kind: keyof typeof KINDS = "plain", size: "sm" | "md" = "md"): string {
  return clsx(
    "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors disabled:opacity-45",
    size === "sm" ? "h-7 px-2.5 text-xs" : "h-9 px-3.5 text-[0.8125rem]",
    KINDS[kind],
  );
}

export function Button({ kind, size, className, type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={clsx(buttonClass(kind, size), className)} {...rest} />;
}

const FIELD =
  "w-full rounded-md bg-canvas text-ink ring-1 ring-inset ring-line-strong placeholder:text-faint transition-shadow focus:outline-none focus:ring-2 focus:ring-accent disabled:opacity-50";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={clsx(FIELD, "h-9 px-3 text-[0.8125rem]", className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={clsx(FIELD, "h-9 px-2.5 text-[0.8125rem]", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={clsx(FIELD, "px-3 py-2 text-[0.8125rem] leading-relaxed", className)} {...rest} />;
}

/** A label around its control, with a hint below it. */
export function Field({ label, hint, children, className }: { label: ReactNode; hint?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <label className={clsx("block", className)}>
      <span className="mb-1.5 block text-xs font-medium text-muted">{label}</span>
      {children}
      {hint && <span className="mt-1 block text-2xs text-faint">{hint}</span>}
    </label>
  );
}

export function Panel({ title, aside, children, className }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={clsx("min-w-0 rounded-xl bg-panel ring-1 ring-inset ring-line", className)}>
      {title && (
        <header className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2">
          <h2 className="text-[0.8125rem] font-semibold">{title}</h2>
          {aside && <div className="ml-auto flex flex-wrap items-center gap-2">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** A part of a panel. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-2 text-xs font-medium text-muted">{title}</h3>
      {children}
    </section>
  );
}

/** Short facts beside each other, each below its name. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-2">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt className="text-2xs text-faint">{name}</dt>
          <dd className="num text-[0.8125rem]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The top of a page. */
export function PageHead({ title, note, children }: { title: ReactNode; note?: ReactNode; children?: ReactNode }) {
  return (
    <header className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
        {note && <p className="text-[0.8125rem] text-muted">{note}</p>}
      </div>
      {children && <div className="ml-auto flex flex-wrap items-center gap-2">{children}</div>}
    </header>
  );
}

/** "3m ago"; the moment itself on hover and for screen readers. */
export function When({ at, className }: { at: string | null | undefined; className?: string }) {
  const now = useNow();
  if (!at) return <span className={clsx("text-faint", className)}>never</span>;
  return (
    <time dateTime={at} title={moment(at)} className={clsx("num whitespace-nowrap", className)}>
      {relative(Date.parse(at), now)}
    </time>
  );
}

export function Money({ usd, className }: { usd: number; className?: string }) {
  return (
    <span title={`$${usd.toFixed(6)}`} className={clsx("num whitespace-nowrap", className)}>
      {money(usd)}
    </span>
  );
}

/** One of several, as tabs without panels of their own: the value is the caller's. */
export function Segmented<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly (readonly [T, ReactNode])[]; onChange: (value: T) => void }) {
  return (
    <div role="group" aria-label={label} className="inline-flex max-w-full overflow-x-auto rounded-md bg-canvas p-0.5 ring-1 ring-inset ring-line">
      {options.map(([name, shown]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === value}
          onClick={() => onChange(name)}
          className={clsx("h-6 shrink-0 rounded px-2.5 text-xs font-medium whitespace-nowrap transition-colors", name === value ? "bg-raised text-ink shadow-sm" : "text-muted hover:text-ink")}
        >
          {shown}
        </button>
      ))}
    </div>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="rounded border border-line-strong bg-raised px-1 font-sans text-2xs text-muted">{children}</kbd>;
}
