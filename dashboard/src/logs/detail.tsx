"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import type { LogRow } from "@/api/types";
import { CopyButton } from "@/components/copy";
import { Badge, Money, stageTone } from "@/components/ui";
import { duration, fullCount, moment } from "@/lib/format";
import { visible } from "@/lib/visible";
import { StatusBadge } from "./rows";

/** Everything that is known of one call; its texts are not logged. */
export function Detail({ row }: { row: LogRow }) {
  return (
    <div className="space-y-4">
      <p className="flex flex-wrap items-center gap-2">
        <StatusBadge status={row.status} />
        {row.stage && <Badge tone={stageTone(row.stage)}>{row.stage}</Badge>}
        {row.estimated && <Badge>estimated</Badge>}
        <span className="text-[0.8125rem] text-muted">{moment(row.created_at)}</span>
      </p>
      {row.error_message && <p className="rounded-lg bg-bad/8 px-3 py-2 text-[0.8125rem] break-words whitespace-pre-wrap ring-1 ring-bad/25 ring-inset">{visible(row.error_message)}</p>}
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-2 text-[0.8125rem]">
        <Fact name="Model">{row.model ?? "none was asked"}</Fact>
        <Fact name="Tokens">
          <span className="num">{fullCount(row.input_tokens)} in, {fullCount(row.output_tokens)} out</span>
        </Fact>
        <Fact name="Cost"><Money usd={row.cost_usd} /></Fact>
        <Fact name="Latency">{row.latency_ms === null ? "–" : duration(row.latency_ms)}</Fact>
        <Fact name="First token">{row.ttft_ms === null ? "–" : duration(row.ttft_ms)}</Fact>
        {row.session_id && (
          <Fact name="Session">
            <Link href={`/logs?session=${encodeURIComponent(row.session_id)}`} className="break-all text-accent hover:underline">{visible(row.session_id)}</Link>
          </Fact>
        )}
        {row.flow_id && (
          <Fact name="Flow">
            <Link href={`/flow?id=${row.flow_id}`} className="font-mono text-xs break-all text-accent hover:underline">{row.flow_id}</Link>
          </Fact>
        )}
        <Fact name="Request"><span className="font-mono text-xs break-all">{row.request_id}</span></Fact>
      </dl>
      <CopyButton text={row.request_id} label="Copy request id" />
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}
