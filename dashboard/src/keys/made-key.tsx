"use client";

import type { KeyMade } from "@/api/types";
import { CopyButton } from "@/components/copy";
import { Button } from "@/components/ui";

/** The only time that anyone sees it: it is kept nowhere in the page once this is closed. */
export function MadeKey({ made, onDone }: { made: KeyMade; onDone: () => void }) {
  return (
    <div className="space-y-4">
      <p className="text-[0.8125rem] text-muted">It is shown this once. Whoever has it can spend what you can.</p>
      <code data-testid="made-key" className="block rounded-lg bg-canvas px-3 py-2.5 font-mono text-xs break-all ring-1 ring-line-strong select-all ring-inset">{made.key}</code>
      <div className="flex justify-end gap-2">
        <CopyButton text={made.key} label="Copy key" size="md" />
        <Button kind="primary" onClick={onDone}>I have kept it</Button>
      </div>
    </div>
  );
}
