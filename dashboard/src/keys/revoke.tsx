"use client";

import { useMutation } from "@tanstack/react-query";
import { remove } from "@/api/client";
import type { Key } from "@/api/types";
import { Failure } from "@/components/states";
import { Button } from "@/components/ui";
import { visible } from "@/lib/visible";

export function Revoke({ of, onDone, onCancel }: { of: Key; onDone: () => void; onCancel: () => void }) {
  const revoke = useMutation({ mutationFn: () => remove("/v1/keys/{key_id}", { path: { key_id: of.id } }), onSuccess: onDone });
  return (
    <div className="space-y-4 text-[0.8125rem]">
      <p>
        <strong className="break-words">{visible(of.label ?? "") || `cfx_${of.key_id}_…`}</strong> opens nothing any more within 6 seconds; its running streams end within 36. This cannot be taken back.
      </p>
      {of.is_current && <p className="rounded-lg bg-warn/10 px-3 py-2 text-warn ring-1 ring-warn/25 ring-inset">You are signed in with it: you will be signed out.</p>}
      {revoke.error && <Failure compact error={revoke.error} />}
      <div className="flex justify-end gap-2">
        <Button kind="ghost" onClick={onCancel}>Keep it</Button>
        <Button kind="danger" disabled={revoke.isPending} onClick={() => revoke.mutate()}>{revoke.isPending ? "Revoking" : "Revoke key"}</Button>
      </div>
    </div>
  );
}
