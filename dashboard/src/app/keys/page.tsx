import type { Metadata } from "next";
import { PageHead } from "@/components/ui";

export const metadata: Metadata = { title: "Keys" };

export default function Page() {
  return <PageHead title="Keys" />;
}
