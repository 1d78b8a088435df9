"use client";

import { Failure } from "@/components/states";

/**
 * What a page could not draw: the rest stays. It is loaded anew: after an upgrade of the server, parts that an open
 * page has not loaded yet are gone, and no second try finds them. What one looked at is in the address.
 */
export default function PageError({ error }: { error: Error }) {
  return <Failure error={new Error(`This page could not be shown: ${error.message}`)} retry={() => window.location.reload()} />;
}
