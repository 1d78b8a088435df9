"use client";

import { Plus, SearchX, Workflow } from "lucide-react";
import Link from "next/link";
import { useEffect, useRef } from "react";
import { Empty, Failure, Loading } from "@/components/states";
import { Button, buttonClass, PageHead, Panel } from "@/components/ui";
import { plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import { Filters, useFilters } from "./filters";
import { FlowRow, HeadRow } from "./flow-row";
import { useFlows } from "./use-flows";

export function Flows() {
  const filters = useFilters();
  const { found, asked } = useFlows(filters.wanted);
  const now = useNow(1_000);
  const narrowed = filters.isNarrowed;
  return (
    <>
      <PageHead title="Flows">
        <Link href="/new" className={buttonClass("primary")}>
          <Plus aria-hidden className="size-4" /> New flow
        </Link>
      </PageHead>
      <Filters filters={filters} />
      <Panel>
        {asked.error && <Failure error={asked.error} retry={() => void asked.refetch()} />}
        {asked.isPending && <Loading rows={8} label="Loading flows" />}
        {asked.data && found.length > 0 && (
          <>
            <HeadRow />
            <ul aria-label="Flows" onKeyDown={walk}>
              {found.map((flow) => (
                <FlowRow key={flow.id} flow={flow} now={now} />
              ))}
            </ul>
          </>
        )}
        {asked.data && found.length === 0 && asked.hasNextPage && <Loading rows={8} label="Searching" />}
        {asked.data && found.length === 0 && !asked.hasNextPage && <Nothing narrowed={narrowed} clear={filters.clear} />}
        {asked.hasNextPage && <More load={() => void asked.fetchNextPage()} busy={asked.isFetchingNextPage} />}
      </Panel>
      {asked.data && (
        <p role="status" className="mt-3 text-xs text-faint">
          {plural(found.length, "flow")}
          {asked.hasNextPage ? " so far" : ""}
        </p>
      )}
    </>
  );
}

function Nothing({ narrowed, clear }: { narrowed: boolean; clear: () => void }) {
  if (narrowed) {
    return (
      <Empty icon={SearchX} title="No flow is like that">
        <p className="mb-4">No flow matches these filters.</p>
        <Button onClick={clear}>Clear filters</Button>
      </Empty>
    );
  }
  return (
    <Empty icon={Workflow} title="No flows yet">
      <p className="mb-4">A flow plans a change, writes it, checks it against your files, and has it reviewed.</p>
      <Link href="/new" className={buttonClass("primary")}>
        <Plus aria-hidden className="size-4" /> Start the first one
      </Link>
    </Empty>
  );
}

/** The next page, as soon as one scrolls there; a button for who does not scroll. */
function More({ load, busy }: { load: () => void; busy: boolean }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver(([seen]) => seen?.isIntersecting && !busy && load(), { rootMargin: "400px" });
    if (end.current) watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [load, busy]);
  return (
    <div ref={end} className="border-t border-line/60 p-2 text-center">
      <Button kind="ghost" size="sm" disabled={busy} onClick={load}>
        {busy ? "Loading more" : "Load more"}
      </Button>
    </div>
  );
}

/** j and k, or the arrows, go from row to row. */
function walk(event: React.KeyboardEvent<HTMLUListElement>): void {
  const by = event.key === "j" || event.key === "ArrowDown" ? 1 : event.key === "k" || event.key === "ArrowUp" ? -1 : 0;
  if (!by) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>("a")];
  const next = rows[rows.indexOf(document.activeElement as HTMLAnchorElement) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
