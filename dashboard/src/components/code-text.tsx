"use client";

import { useState } from "react";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { CopyButton } from "./copy";
import { Button } from "./ui";

const SHOWN_CHARS = 20_000;

/** Text as it is, in full only when asked for: a prompt may be a hundred pages. */
export function CodeText({ text, label }: { text: string; label: string }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && text.length > SHOWN_CHARS;
  return (
    <div className="group relative">
      <CopyButton iconOnly text={text} label={`Copy ${label}`} className="absolute top-1.5 right-1.5 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100" />
      <pre tabIndex={0} aria-label={label} className="max-h-[32rem] overflow-auto rounded-lg bg-canvas p-3 font-mono text-xs leading-relaxed break-words whitespace-pre-wrap ring-1 ring-line ring-inset">
        {visible(cut ? text.slice(0, SHOWN_CHARS) : text)}
      </pre>
      {cut && (
        <Button kind="ghost" size="sm" className="mt-1" onClick={() => setWhole(true)}>
          Show the other {plural(text.length - SHOWN_CHARS, "character")}
        </Button>
      )}
    </div>
  );
}
