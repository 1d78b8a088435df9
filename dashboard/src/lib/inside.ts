const HERE = "http://here.invalid";

/**
 * Where sign-in goes on to: a page of ours, whatever the link said. Read as a browser reads it, which takes a tab out of
 * an address and a backslash for a slash; so `/⇥/elsewhere.example` is no page of ours.
 */
export function inside(to: string | null): string {
  if (to === null || !to.startsWith("/") || !URL.canParse(to, HERE)) return "/";
  const url = new URL(to, HERE);
  if (url.origin !== HERE || url.pathname.startsWith("//") || url.pathname === "/sign-in") return "/";
  return url.pathname + url.search + url.hash;
}
