"use client";

import { Failure } from "@/components/states";

/** What a page could not draw: the rest stays, and it can be tried again. */
export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return <Failure error={new Error(`This page could not be shown: ${error.message}`)} retry={reset} />;
}
