"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { get } from "@/api/client";
import type { Key, KeyMade } from "@/api/types";
import { Dialog } from "@/components/dialog";
import { Empty, Failure, Loading } from "@/components/states";
import { Table, Td, Th, Tr } from "@/components/table";
import { Badge, Button, PageHead, Panel, State, When } from "@/components/ui";
import { fullCount, moment, plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { MadeKey } from "./made-key";
import { NewKeyForm } from "./new-key-form";
import { Revoke } from "./revoke";
import { Rotate } from "./rotate";

type Shown = { readonly what: "new" } | { readonly what: "made"; readonly made: KeyMade } | { readonly what: "revoke" | "rotate"; readonly key: Key } | null;
const TITLES = { new: "New key", made: "Your new key", revoke: "Revoke a key", rotate: "Rotate a key" } as const;
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
        {keys.length > 0 && <List keys={keys} on={(what, key) => show({ what, key })} />}
        {asked.hasNextPage && (
          <div className="border-t border-line/60 p-2 text-center">
            <Button kind="ghost" size="sm" disabled={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>Load more</Button>
          </div>
        )}
      </Panel>
      <Dialog title={shown === null ? "" : TITLES[shown.what]} open={shown !== null} onClose={close}>
        {shown?.what === "new" && <NewKeyForm onMade={(made) => (changed(), show({ what: "made", made }))} onCancel={close} />}
        {shown?.what === "made" && <MadeKey made={shown.made} onDone={close} />}
        {shown?.what === "rotate" && <Rotate of={shown.key} onMade={(made) => (changed(), show({ what: "made", made }))} onCancel={close} />}
        {shown?.what === "revoke" && <Revoke of={shown.key} onDone={() => (changed(), close())} onCancel={close} />}
      </Dialog>
    </>
  );
}

function List({ keys, on }: { keys: readonly Key[]; on: (what: "revoke" | "rotate", key: Key) => void }) {
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
            <span className="min-w-0 break-words">{visible(key.label ?? "") || "no label"}</span>
            {key.is_current && <Badge tone="accent" className="ml-2">in use here</Badge>}
          </Td>
          <Td label="Key" className="font-mono text-xs">cfx_{key.key_id}_…</Td>
          <Td label="Status"><State tone={TONES[key.status]}>{key.status}</State></Td>
          <Td label="Limits" className="num text-muted">{limitsOf(key)}</Td>
          <Td label="Last used" className="text-muted"><When at={key.last_used_at} /></Td>
          <Td label="Expires" className="text-muted">
            {key.expires_at ? <time dateTime={key.expires_at} title={moment(key.expires_at)}><When at={key.expires_at} /></time> : "never"}
          </Td>
          <Td className="text-right">
            {key.status === "active" && (
              <span className="inline-flex gap-1.5">
                <Button kind="ghost" size="sm" aria-label={`Rotate ${key.label || key.key_id}`} onClick={() => on("rotate", key)}>Rotate</Button>
                <Button kind="ghost" size="sm" className="hover:bg-bad/15! hover:text-bad!" aria-label={`Revoke ${key.label || key.key_id}`} onClick={() => on("revoke", key)}>Revoke</Button>
              </span>
            )}
          </Td>
        </Tr>
      ))}
    </Table>
  );
}

function limitsOf(key: Key): string {
  const day = key.daily_limit === null ? "" : `${fullCount(key.daily_limit)} a day`;
  const streams = key.max_streams === null ? "" : plural(key.max_streams, "stream");
  const bound = [key.stages?.join(", "), key.models?.join(", ")].filter(Boolean).map((names) => `only ${names}`);
  return [day, streams, ...bound].filter(Boolean).join("; ") || "as yours";
}
