"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useCallback } from "react";

/** The address's query is the page's state: what one sees can be sent to somebody, and Back works. */
export function useParams(): readonly [URLSearchParams, (changes: Record<string, string | readonly string[] | null>) => void] {
  const params = useSearchParams();
  const path = usePathname();
  const router = useRouter();
  const set = useCallback(
    (changes: Record<string, string | readonly string[] | null>) => {
      const next = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(changes)) {
        next.delete(name);
        for (const one of value === null ? [] : typeof value === "string" ? [value] : value) next.append(name, one);
      }
      const query = next.toString();
      router.replace(query ? `${path}?${query}` : path, { scroll: false });
    },
    [path, router],
  );
  return [new URLSearchParams(params), set];
}
