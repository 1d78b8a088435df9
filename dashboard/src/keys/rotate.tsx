"use client";

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "@/api/client";
import { signIn } from "@/api/session";
import type { Key, KeyMade } from "@/api/types";
import { Failure } from "@/components/states";
import { Button, Field, Select } from "@/components/ui";
import { visible } from "@/lib/visible";

const GRACES = [["0", "Not at all"], ["3600", "An hour"], ["86400", "A day"], ["604800", "A week"]] as const;

/** Another key just like this one; the old one goes on for a while, so that nothing breaks meanwhile. */
export function Rotate({ of, onMade, onCancel }: { of: Key; onMade: (made: KeyMade) => void; onCancel: () => void }) {
  const [grace, setGrace] = useState("86400");
  const rotate = useMutation({
    mutationFn: () => post("/v1/keys/{key_id}/rotate", { path: { key_id: of.id }, body: { grace_s: Number(grace) } }),
    onSuccess: (made) => {
      if (of.is_current) signIn({ kind: "key", token: made.key }); // or this page is signed out, and the new key gone with it
      onMade(made);
    },
  });
  return (
    <div className="space-y-4 text-[0.8125rem]">
      <p>
        A new key takes the place of <strong className="break-words">{visible(of.label ?? "") || `cfx_${of.key_id}_…`}</strong>, with the same limits and the same end.
      </p>
      {of.is_current && <p className="text-muted">You are signed in with it: this page goes on with the new one.</p>}
      <Field label="The old one goes on for">
        <Select value={grace} onChange={(event) => setGrace(event.target.value)}>
          {GRACES.map(([value, name]) => (
            <option key={value} value={value}>{name}</option>
          ))}
        </Select>
      </Field>
      {rotate.error && <Failure compact error={rotate.error} />}
      <div className="flex justify-end gap-2">
        <Button kind="ghost" onClick={onCancel}>Cancel</Button>
        <Button kind="primary" disabled={rotate.isPending} onClick={() => rotate.mutate()}>{rotate.isPending ? "Rotating" : "Rotate key"}</Button>
      </div>
    </div>
  );
}
