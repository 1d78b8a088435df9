"use client";

import { SearchX } from "lucide-react";
import Link from "next/link";
import { Empty } from "@/components/states";
import { buttonClass } from "@/components/ui";

export default function NotFound() {
  return (
    <Empty icon={SearchX} title="There is no such page">
      <p className="mb-4">The address may have been cut off.</p>
      <Link href="/flows" className={buttonClass()}>
        To the flows
      </Link>
    </Empty>
  );
}
