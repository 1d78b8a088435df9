import type { Metadata } from "next";
import { PageHead } from "@/components/ui";

export const metadata: Metadata = { title: "Flow" };

export default function Page() {
  return <PageHead title="Flow" />;
}
