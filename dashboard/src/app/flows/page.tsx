import type { Metadata } from "next";
import { Suspense } from "react";
import { Flows } from "./flows";

export const metadata: Metadata = { title: "Flows" };

export default function Page() {
  return (
    <Suspense>
      <Flows />
    </Suspense>
  );
}
