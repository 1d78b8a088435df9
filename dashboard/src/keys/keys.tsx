"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { get } from "@/api/client";
import type { Key, KeyMade } from "@/api/types";
import { Dialog } from "@/components/dialog";
import { Empty, Failure, Loading } from "@/components/states";
import { Table, Td, Th, Tr } from "@/components/table";
import { Badge, Button, PageHead, Panel, When } from "@/components/ui";
import { fullCount, moment } from "@/lib/format";
import { MadeKey } from "./made-key";
import { NewKeyForm } from "./new-key-form";
import { Revoke } from "./revoke";

type Shown = { readonly what: "new" } | { readonly what: "made"; readonly made: KeyMade } | { readonly what: "revoke"; readonly key: Key } | null;
const TITLES = { new: "New key", made: "Your new key", revoke: "Revoke a key" } as const;
const TONES = { active: "good", revoked: "plain", expired: "warn" } as const;

export function Keys() {
  const [shown, show] = useState<Shown>(null);
  const client = useQueryClient();
  const asked = useInfiniteQuery({
    queryKey: ["keys"],
    queryFn: ({ pageParam, signal }) => get("/v1/keys", { query: { limit: 100, ...(pageParam ? { cursor: pageParam } : {}) }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
  const keys = asked.data?.pages.flatMap((page) => page.data) ?? [];
  const changed = (): void => void client.invalidateQueries({ queryKey: ["keys"] });
  const close = (): void => show(null);
  return (
    <>
      <PageHead title="Keys" note="What editors, scripts and this page sign in with.">
        <Button kind="primary" onClick={() => show({ what: "new" })}>
          <Plus aria-hidden className="size-4" /> New key
        </Button>
      </PageHead>
      <Panel>
        {asked.error && <Failure error={asked.error} retry={() => void asked.refetch()} />}
        {asked.isPending && <Loading label="Loading keys" />}
        {asked.data && keys.length === 0 && <Empty icon={KeyRound} title="No keys">Make one for each editor and script: they are revoked one by one.</Empty>}
        {keys.length > 0 && <List keys={keys} onRevoke={(key) => show({ what: "revoke", key })} />}
        {asked.hasNextPage && (
          <div className="border-t border-line/60 p-2 text-center">
            <Button kind="ghost" size="sm" disabled={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>Load more</Button>
          </div>
        )}
      </Panel>
      <Dialog title={shown === null ? "" : TITLES[shown.what]} open={shown !== null} onClose={close}>
        {shown?.what === "new" && <NewKeyForm onMade={(made) => (changed(), show({ what: "made", made }))} onCancel={close} />}
        {shown?.what === "made" && <MadeKey made={shown.made} onDone={close} />}
        {shown?.what === "revoke" && <Revoke of={shown.key} onDone={() => (changed(), close())} onCancel={close} />}
      </Dialog>
    </>
  );
}

function List({ keys, onRevoke }: { keys: readonly Key[]; onRevoke: (key: Key) => void }) {
  const head = (
    <>
      <Th>Label</Th>
      <Th>Key</Th>
      <Th>Status</Th>
      <Th>Limits</Th>
      <Th>Last used</Th>
      <Th>Expires</Th>
      <Th><span className="sr-only">Actions</span></Th>
    </>
  );
  return (
    <Table label="Keys" head={head}>
      {keys.map((key) => (
        <Tr key={key.id} className={key.status === "active" ? undefined : "text-faint"}>
          <Td label="Label" className="font-medium">
            <span className="min-w-0 break-words">{key.label || "no label"}</span>
            {key.is_current && <Badge tone="accent" className="ml-2">in use here</Badge>}
          </Td>
          <Td label="Key" className="font-mono text-xs">cfx_{key.key_id}_…</Td>
          <Td label="Status"><Badge tone={TONES[key.status]}>{key.status}</Badge></Td>
          <Td label="Limits" className="num text-muted">{limitsOf(key)}</Td>
          <Td label="Last used" className="text-muted"><When at={key.last_used_at} /></Td>
          <Td label="Expires" className="text-muted">
            {key.expires_at ? <time dateTime={key.expires_at} title={moment(key.expires_at)}><When at={key.expires_at} /></time> : "never"}
          </Td>
          <Td className="text-right">
            {key.status === "active" && <Button kind="danger" size="sm" aria-label={`Revoke ${key.label || key.key_id}`} onClick={() => onRevoke(key)}>Revoke</Button>}
          </Td>
        </Tr>
      ))}
    </Table>
  );
}

function limitsOf(key: Key): string {
  const day = key.daily_limit === null ? "" : `${fullCount(key.daily_limit)} a day`;
  const streams = key.max_streams === null ? "" : `${key.max_streams} streams`;
  return [day, streams].filter(Boolean).join(", ") || "as yours";
}
