"use client";

import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "./ui";

/** Copies `text`; says so for a moment. Where the browser bars the clipboard, the text is there to be marked. */
export function CopyButton({ text, label = "Copy", size = "sm" }: { text: string; label?: string; size?: "sm" | "md" }) {
  const [said, say] = useState<"copied" | "barred" | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => say(null), 2_000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    const barred = (): void => say("barred");
    if (!navigator.clipboard) return barred(); // plain HTTP on another machine than this
    navigator.clipboard.writeText(text).then(() => say("copied"), barred);
  };
  return (
    <Button size={size} onClick={copy}>
      {said === "copied" ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      <span aria-live="polite">{said === "copied" ? "Copied" : said === "barred" ? "Mark and copy it" : label}</span>
    </Button>
  );
}
