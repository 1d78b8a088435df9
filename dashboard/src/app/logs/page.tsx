import type { Metadata } from "next";
import { Suspense } from "react";
import { Logs } from "@/logs/logs";

export const metadata: Metadata = { title: "Logs" };

export default function Page() {
  return (
    <Suspense>
      <Logs />
    </Suspense>
  );
}
