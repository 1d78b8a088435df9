import type { Metadata } from "next";
import { PageHead } from "@/components/ui";

export const metadata: Metadata = { title: "Logs" };

export default function Page() {
  return <PageHead title="Logs" />;
}
