"use client";

import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { newQueryClient } from "@/api/query";
import { onReachable, isReachable } from "@/api/reachable";
import { currentSession, onSession, personOf } from "@/api/session";
import { useSession } from "@/lib/hooks";

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(newQueryClient);
  useEffect(() => {
    let shown = personOf(currentSession());
    const leave = onSession(() => {
      const person = personOf(currentSession());
      if (person !== shown) client.clear(); // what one has seen is not shown to the next, whose pages begin anew (Frame)
      shown = person;
    });
    const back = onReachable(() => {
      if (isReachable()) void client.invalidateQueries();
    });
    return () => {
      leave();
      back();
    };
  }, [client]);
  useFreshToken();
  return <QueryClientProvider client={client}>{children}</QueryClientProvider>;
}

/** A token of Supabase lasts an hour: its library, which knows how to get the next, is loaded for who signed in so. */
function useFreshToken(): void {
  const kind = useSession()?.kind;
  useEffect(() => {
    if (kind !== "supabase") return;
    // Without it the token is renewed when the API refuses it (`call`).
    import("@/api/supabase").then(({ supabase }) => supabase()).catch(() => undefined);
  }, [kind]);
}
