import type { Metadata } from "next";
import { Keys } from "@/keys/keys";

export const metadata: Metadata = { title: "Keys" };

export default function Page() {
  return <Keys />;
}
