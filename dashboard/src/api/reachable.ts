/** Whether the server answers, as the last request found it. While it does not, `/healthz` is asked until it does. */

const ASK_EVERY_MS = 2_000;
const listeners = new Set<() => void>();
let reached = true;

export function isReachable(): boolean {
  return reached;
}

export function onReachable(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function noteReached(now: boolean): void {
  if (now === reached) return;
  reached = now;
  for (const listener of listeners) listener();
  if (!now) setTimeout(askAgain, ASK_EVERY_MS);
}

async function askAgain(): Promise<void> {
  // One that hangs would be waited for, and nobody would ask again.
  const signal = AbortSignal.timeout(ASK_EVERY_MS);
  const answer = await fetch("/healthz", { cache: "no-store", signal }).catch(() => null);
  if (answer?.ok) noteReached(true);
  else if (!reached) setTimeout(askAgain, ASK_EVERY_MS);
}
