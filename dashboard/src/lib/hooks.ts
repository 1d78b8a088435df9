"use client";

import { type RefObject, useEffect, useState, useSyncExternalStore } from "react";
import { isReachable, onReachable } from "@/api/reachable";
import { currentSession, onSession, type Session, whySignedOut } from "@/api/session";

/** Undefined while the page is not in the browser yet: nothing is known of who looks at it. */
export function useSession(): Session | null | undefined {
  return useSyncExternalStore(onSession, currentSession, () => undefined);
}

export function useFarewell(): string | null {
  return useSyncExternalStore(onSession, whySignedOut, () => null);
}

export function useReachable(): boolean {
  return useSyncExternalStore(onReachable, isReachable, () => true);
}

/** One clock for all relative times of the page. */
export function useNow(everyMs = 15_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** `value`, but only once it has been the same for a while: what is typed is not looked for letter by letter. */
export function useSettled<T>(value: T, ms = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** Whether this tab is looked at. */
export function useVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
    () => document.visibilityState === "visible",
    () => true,
  );
}

/** Of an element, in pixels, as it changes. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    if (!element.current) return;
    const watcher = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, [element]);
  return width;
}

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => window.matchMedia(query).matches,
    () => false,
  );
}
