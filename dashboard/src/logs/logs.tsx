"use client";

import { Download, ScrollText, SearchX } from "lucide-react";
import { useMemo, useState } from "react";
import { address, call } from "@/api/client";
import type { LogRow } from "@/api/types";
import { Dialog } from "@/components/dialog";
import { Empty, Failure, Loading } from "@/components/states";
import { Button, PageHead, Panel } from "@/components/ui";
import { plural } from "@/lib/format";
import { useParams } from "@/lib/params";
import { Detail } from "./detail";
import { Filters } from "./filters";
import { Rows } from "./rows";
import { type Query, useLogs, wantedOf } from "./use-logs";

export function Logs() {
  const [params, set] = useParams();
  const span = params.get("span");
  const chosenAt = useMemo(() => Date.now(), [span]); // the list that one reads stays where it is
  const query = params.toString();
  const wanted = useMemo(() => wantedOf(new URLSearchParams(query), chosenAt), [query, chosenAt]);
  const { rows, asked } = useLogs(wanted);
  const [read, keep] = useState<LogRow | null>(null); // newer calls may push it out of the list meanwhile
  const id = params.get("row");
  const open = rows.find((row) => row.id === id) ?? (read?.id === id ? read : undefined);
  const narrowed = Object.keys(wanted).length > 0;
  const clear = (): void => set({ stage: null, status: null, model: null, session: null, flow: null, span: null });
  return (
    <>
      <PageHead title="Logs" note="Your model calls and refusals, the newest first. A CSV holds the newest 50,000 of what is filtered.">
        <Export wanted={wanted} />
      </PageHead>
      <Filters params={params} set={set} clear={narrowed ? clear : null} />
      <Panel>
        {asked.error && <Failure error={asked.error} retry={() => void asked.refetch()} />}
        {asked.isPending && <Loading rows={10} label="Loading logs" />}
        {rows.length > 0 && <Rows rows={rows} more={asked.hasNextPage && !asked.isFetchingNextPage ? () => void asked.fetchNextPage() : null} onOpen={(row) => (keep(row), set({ row: row.id }))} />}
        {asked.data && rows.length === 0 && <Nothing narrowed={narrowed} clear={clear} />}
        {asked.hasNextPage && (
          <div className="border-t border-line/60 p-2 text-center">
            <Button kind="ghost" size="sm" disabled={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
              {asked.isFetchingNextPage ? "Loading more" : "Load more"}
            </Button>
          </div>
        )}
      </Panel>
      {asked.data && (
        <p role="status" className="mt-3 text-xs text-faint">
          {plural(rows.length, "row")}
          {asked.hasNextPage ? " so far" : ""}
        </p>
      )}
      <Dialog title="Model call" open={open !== undefined} onClose={() => set({ row: null })}>
        {open && <Detail row={open} />}
      </Dialog>
    </>
  );
}

function Nothing({ narrowed, clear }: { narrowed: boolean; clear: () => void }) {
  if (!narrowed) return <Empty icon={ScrollText} title="No calls yet">Every model call of a flow or an editor is a row here, within a second of its end.</Empty>;
  return (
    <Empty icon={SearchX} title="No call is like that">
      <p className="mb-4">No call matches these filters.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  );
}

/** The server writes the table, so that it holds what was not loaded here; the key goes with the request, in no address. */
function Export({ wanted }: { wanted: Query }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function save(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      const answer = await call(address("/v1/logs", {}, wanted), { headers: { accept: "text/csv" } });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = `cfx-logs-${new Date().toISOString().slice(0, 10)}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  }
  return (
    <>
      {error !== null && <Failure compact error={error} />}
      <Button onClick={() => void save()} disabled={busy}>
        <Download aria-hidden className="size-4" /> {busy ? "Exporting" : "Export CSV"}
      </Button>
    </>
  );
}
