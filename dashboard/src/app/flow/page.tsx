import type { Metadata } from "next";
import { Suspense } from "react";
import { FlowPage } from "./flow-page";

export const metadata: Metadata = { title: "Flow" };

export default function Page() {
  return (
    <Suspense>
      <FlowPage />
    </Suspense>
  );
}
