"use client";

import { useEffect, useRef, useState } from "react";
import { followChanges } from "@/api/events";
import type { Link } from "@/api/stream";
import type { Flow } from "@/api/types";
import { useVisible } from "@/lib/hooks";

/** More than the server watches; the oldest make room. */
const KEPT = 1_000;

export interface Live {
  /** By id, as they were told last. */
  readonly changes: ReadonlyMap<string, Flow>;
  readonly link: Link;
}

/** What changes in one's flows while the page is open. Nobody follows in the background: each stream holds a connection. */
export function useChanges(): Live {
  const [changes, setChanges] = useState<ReadonlyMap<string, Flow>>(new Map());
  const [link, setLink] = useState<Link>("connecting");
  const place = useRef(0);
  const visible = useVisible();
  useEffect(() => {
    if (!visible) return;
    const leaving = new AbortController();
    const listener = {
      flows: (flows: Flow[], now: number): void => {
        place.current = now;
        setChanges((known) => new Map([...known, ...flows.map((flow) => [flow.id, flow] as const)].slice(-KEPT)));
      },
      link: setLink,
    };
    const timer = setTimeout(() => void followChanges(place.current, listener, leaving.signal), 0); // strict mode mounts twice
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [visible]);
  return { changes, link };
}
