import type { Metadata } from "next";
import { NewFlow } from "./new-flow";

export const metadata: Metadata = { title: "New flow" };

export default function Page() {
  return <NewFlow />;
}
