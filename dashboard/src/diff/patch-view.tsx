"use client";

import { useMemo } from "react";
import { CodeText } from "@/components/code-text";
import { DiffView } from "./diff-view";
import { filesOf } from "./model";

/** A patch by itself, as part of something else. */
export default function PatchView({ text }: { text: string }) {
  const files = useMemo(() => readable(text), [text]);
  if (!files) return <CodeText text={text} label="patch" />;
  return <DiffView files={files} layout="unified" className="max-h-[32rem] rounded-lg bg-canvas ring-1 ring-line ring-inset" />;
}

function readable(text: string) {
  try {
    return filesOf(text);
  } catch {
    return null; // shown as it is
  }
}
