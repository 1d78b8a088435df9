"use client";

import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import { CircleAlert, RotateCw, ServerOff } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError, Unreachable } from "@/api/client";
import { visible } from "@/lib/visible";
import { Button } from "./ui";

/** Nothing there, and what one could do about it. */
export function Empty({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      <span className="mb-4 grid size-11 place-items-center rounded-xl bg-raised ring-1 ring-inset ring-line">
        <Icon aria-hidden className="size-5 text-muted" />
      </span>
      <p className="font-medium">{title}</p>
      {children && <div className="mt-1 max-w-md text-[0.8125rem] text-muted">{children}</div>}
    </div>
  );
}

/** Rows of what is on its way, in the place that it will take. */
export function Loading({ rows = 5, className, label = "Loading" }: { rows?: number; className?: string; label?: string }) {
  return (
    <div role="status" aria-label={label} className={clsx("space-y-3 p-4", className)}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={clsx("h-4 animate-breathe rounded bg-white/6", row % 3 === 2 ? "w-2/3" : row % 3 === 1 ? "w-5/6" : "w-full")} />
      ))}
    </div>
  );
}

const AGAIN_BY_ITSELF = "It is asked again as soon as it is there.";
const NOT_BY_ITSELF = "Nothing is sent again by itself: once it is there, do this once more.";

/** An error in the server's own words. `compact`: of what a person did; else of what the page asks for, and asks again. */
export function Failure({ error, retry, compact = false, className }: { error: unknown; retry?: () => void; compact?: boolean; className?: string }) {
  const away = error instanceof Unreachable;
  const Icon = away ? ServerOff : CircleAlert;
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <div role="alert" className={clsx("flex items-start gap-3 rounded-lg text-[0.8125rem]", compact ? "bg-bad/8 px-3 py-2 ring-1 ring-inset ring-bad/25" : "p-4", className)}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="break-words whitespace-pre-wrap">{messageOf(error)}{away && ` ${compact ? NOT_BY_ITSELF : AGAIN_BY_ITSELF}`}</p>
        {id && !compact && <p className="mt-1 font-mono text-2xs break-all text-faint">request {id}</p>}
      </div>
      {retry && (
        <Button size="sm" onClick={retry}>
          <RotateCw aria-hidden className="size-3.5" /> Try again
        </Button>
      )}
    </div>
  );
}

export function messageOf(error: unknown): string {
  return visible(error instanceof Error ? error.message : String(error));
}

interface Asked<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isPending: boolean;
  readonly refetch: () => unknown;
}

/** What was asked, or the state that it is in. What was there once stays while the server is away. */
export function Shown<T>({ of, loading, children }: { of: Asked<T>; loading?: ReactNode; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return children(of.data);
  if (of.error) return <Failure error={of.error} retry={() => void of.refetch()} />;
  return loading ?? <Loading />;
}
