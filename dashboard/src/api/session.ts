/** Who is signed in, in this tab: the key lives in session storage and goes into headers only, never into an address. */

export type Session =
  | { readonly kind: "key"; readonly token: string }
  | { readonly kind: "supabase"; readonly token: string };

const NAME = "cfx.session";
const listeners = new Set<() => void>();
let cached: Session | null | undefined;
let farewell: string | null = null;

export function currentSession(): Session | null {
  cached ??= read();
  return cached;
}

export function signIn(session: Session): void {
  cached = session;
  farewell = null;
  store(JSON.stringify(session));
  tell();
}

/** `why` is shown on the page of sign-in. */
export function signOut(why: string | null = null): void {
  cached = null;
  farewell = why;
  store(null);
  tell();
}

export function whySignedOut(): string | null {
  return farewell;
}

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(): Session | null {
  try {
    const found: unknown = JSON.parse(window.sessionStorage.getItem(NAME) ?? "null");
    return isSession(found) ? found : null;
  } catch {
    return null; // storage is barred, or holds what is not ours: nobody is signed in
  }
}

function isSession(found: unknown): found is Session {
  return typeof found === "object" && found !== null && "token" in found && typeof found.token === "string" && "kind" in found;
}

function store(text: string | null): void {
  try {
    if (text === null) window.sessionStorage.removeItem(NAME);
    else window.sessionStorage.setItem(NAME, text);
  } catch {
    // storage is barred: the session lasts until the page is loaded anew
  }
}

function tell(): void {
  for (const listener of listeners) listener();
}
