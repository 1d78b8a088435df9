"use client";

import { useQuery } from "@tanstack/react-query";
import { Workflow } from "lucide-react";
import Link from "next/link";
import { useEffect, useMemo } from "react";
import { get } from "@/api/client";
import { Empty, Shown } from "@/components/states";
import { StatusMark } from "@/components/status";
import { buttonClass, Money } from "@/components/ui";
import { type Wanted, withChanges } from "@/flow/live";
import { useChanges } from "@/flow/use-changes";
import { titleOf } from "@/flow/words";

const SHOWN = 6;
/** More than are shown, so that there is one to take the place of one that ends. */
const ASKED = 24;
/** While the stream is broken. */
const LOOK_EVERY_MS = 3_000;
const UNFINISHED: Wanted = { status: ["requires_action", "in_progress", "queued"], since: null, search: "" };

/** What runs, or waits for somebody: the newest ones. */
export function Running() {
  const { changes, link } = useChanges();
  const asked = useQuery({
    queryKey: ["flows-running"],
    queryFn: ({ signal }) => get("/v1/flows", { query: { status: [...UNFINISHED.status], limit: ASKED }, signal }),
    refetchInterval: link === "live" || link === "connecting" ? false : LOOK_EVERY_MS,
  });
  const { data, refetch } = asked;
  const flows = useMemo(() => (data ? withChanges(data.data, changes, UNFINISHED, data.next_cursor === null).slice(0, SHOWN) : []), [data, changes]);
  const isShort = flows.length < SHOWN && data?.next_cursor != null;
  useEffect(() => {
    if (isShort) void refetch();
  }, [isShort, refetch]);
  return (
    <Shown of={asked}>
      {() =>
        flows.length === 0 ? (
          <Empty icon={Workflow} title="No flow is running">
            <Link href="/new" className={`${buttonClass()} mt-3`}>New flow</Link>
          </Empty>
        ) : (
          <ul className="divide-y divide-line/60">
            {flows.map((flow) => (
              <li key={flow.id}>
                <Link href={`/flow?id=${flow.id}`} prefetch={false} className="block px-4 py-2.5 hover:bg-white/3 focus-visible:-outline-offset-2">
                  <span className="block truncate text-[0.8125rem] font-medium">{titleOf(flow.task).slice(0, 200)}</span>
                  <span className="mt-1 flex items-center gap-3 text-xs text-muted">
                    <StatusMark status={flow.status} />
                    <span className="num">round {flow.round} of {flow.max_rounds}</span>
                    <Money usd={flow.cost_usd} className="ml-auto" />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )
      }
    </Shown>
  );
}
