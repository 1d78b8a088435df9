"use client";

import { useQuery } from "@tanstack/react-query";
import { Workflow } from "lucide-react";
import Link from "next/link";
import { get } from "@/api/client";
import { Empty, Shown } from "@/components/states";
import { StatusMark } from "@/components/status";
import { buttonClass, Money } from "@/components/ui";
import { titleOf } from "@/flow/words";

const SHOWN = 6;

/** What runs, or waits for somebody: the newest ones. */
export function Running() {
  const flows = useQuery({
    queryKey: ["flows", "running"],
    queryFn: ({ signal }) => get("/v1/flows", { query: { status: ["requires_action", "in_progress", "queued"], limit: SHOWN }, signal }),
    refetchInterval: 2_000,
  });
  return (
    <Shown of={flows}>
      {(page) =>
        page.data.length === 0 ? (
          <Empty icon={Workflow} title="No flow is running">
            <Link href="/new" className={`${buttonClass()} mt-3`}>New flow</Link>
          </Empty>
        ) : (
          <ul className="divide-y divide-line/60">
            {page.data.map((flow) => (
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
