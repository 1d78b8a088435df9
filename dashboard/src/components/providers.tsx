"use client";

import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { newQueryClient } from "@/api/query";
import { onReachable, isReachable } from "@/api/reachable";
import { currentSession, onSession } from "@/api/session";

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(newQueryClient);
  useEffect(() => {
    const leave = onSession(() => {
      if (!currentSession()) client.clear(); // what one person has seen is not shown to the next
    });
    const back = onReachable(() => {
      if (isReachable()) void client.invalidateQueries();
    });
    return () => {
      leave();
      back();
    };
  }, [client]);
  return <QueryClientProvider client={client}>{children}</QueryClientProvider>;
}
