"use client";

import clsx from "clsx";
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "./ui";

interface Props {
  readonly text: string;
  readonly label?: string;
  readonly size?: "sm" | "md";
  readonly iconOnly?: boolean;
  readonly className?: string;
}

/** Copies `text`; says so for a moment. Where the browser bars the clipboard, the text is there to be marked. */
export function CopyButton({ text, label = "Copy", size = "sm", iconOnly = false, className }: Props) {
  const [said, say] = useState<"Copied" | "Mark and copy it" | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => say(null), 2_000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => void toClipboard(text).then((done) => say(done ? "Copied" : "Mark and copy it"));
  const Icon = said === "Copied" ? Check : Copy;
  return (
    <Button size={size} onClick={copy} title={iconOnly ? (said ?? label) : undefined} className={className}>
      <Icon aria-hidden className={clsx("size-3.5", said === "Copied" && "text-good")} />
      <span aria-live="polite" className={clsx(iconOnly && said !== "Mark and copy it" && "sr-only")}>
        {said ?? label}
      </span>
    </Button>
  );
}

/** Pages that came by plain http from another machine have no clipboard but the old one. */
async function toClipboard(text: string): Promise<boolean> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  (document.querySelector("dialog[open]") ?? document.body).append(area); // outside a dialog nothing can be marked
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
