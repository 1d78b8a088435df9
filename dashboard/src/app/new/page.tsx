import type { Metadata } from "next";
import { PageHead } from "@/components/ui";

export const metadata: Metadata = { title: "New flow" };

export default function Page() {
  return <PageHead title="New flow" />;
}
