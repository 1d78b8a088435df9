/**
 * Who is signed in: a key lives in this tab's session storage; a sign-in by Supabase where its library keeps it, for all
 * tabs together (ADR 0053). Both go into headers only, never into an address.
 */

export type Session =
  | { readonly kind: "key"; readonly token: string }
  | { readonly kind: "supabase"; readonly token: string };

const NAME = "cfx.session";
/** The library's, which alone writes it. */
export const SUPABASE_NAME = "cfx.supabase";
const HOLDER = "the holder of this tab's key";
const ELSEWHERE = "You were signed out in another tab.";
const listeners = new Set<() => void>();
let cached: Session | null | undefined;
let farewell: string | null = null;

export function currentSession(): Session | null {
  if (cached === undefined) {
    cached = read();
    window.addEventListener("storage", (event) => event.key === SUPABASE_NAME && takeOver(event.newValue));
  }
  return cached;
}

export function signIn(session: Session): void {
  const known = currentSession();
  if (known?.kind === session.kind && known.token === session.token) return;
  cached = session;
  farewell = null;
  keep(() => window.sessionStorage, NAME, session.kind === "key" ? JSON.stringify(session) : null);
  tell();
}

/** `why` is shown on the page of sign-in. */
export function signOut(why: string | null = null): void {
  const left = cached;
  cached = null;
  farewell = why;
  keep(() => window.sessionStorage, NAME, null);
  if (left?.kind === "supabase") keep(() => window.localStorage, SUPABASE_NAME, null);
  tell();
}

export function whySignedOut(): string | null {
  return farewell;
}

/**
 * Of two sessions that are one person's it says the same: a token of Supabase is renewed every hour, and a key that follows a
 * key without a sign-out is the same one, rotated.
 */
export function personOf(session: Session | null): string | null {
  if (session?.kind !== "supabase") return session && HOLDER;
  return textIn(parsed(decoded(session.token.split(".")[1] ?? "")), "sub") ?? session.token;
}

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Another tab has signed in, renewed or left; who looks at this one with a key goes on with it. */
function takeOver(kept: string | null): void {
  if (currentSession()?.kind === "key") return;
  const session = ofSupabase(kept);
  if (session) signIn(session);
  else signOut(ELSEWHERE); // also where Supabase's library, or the API, was quicker and said less
}

function read(): Session | null {
  return ofKey(stored(() => window.sessionStorage, NAME)) ?? ofSupabase(stored(() => window.localStorage, SUPABASE_NAME));
}

function ofKey(kept: string | null): Session | null {
  const found = parsed(kept);
  const token = textIn(found, "token");
  return token !== null && textIn(found, "kind") === "key" ? { kind: "key", token } : null;
}

function ofSupabase(kept: string | null): Session | null {
  const token = textIn(parsed(kept), "access_token");
  return token === null ? null : { kind: "supabase", token };
}

function textIn(found: unknown, name: string): string | null {
  const value: unknown = typeof found === "object" && found !== null ? Reflect.get(found, name) : null;
  return typeof value === "string" ? value : null;
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null; // not ours: nobody is signed in
  }
}

function decoded(base64url: string): string | null {
  try {
    return atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null; // no token of the kind: the server will say so
  }
}

function stored(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name);
  } catch {
    return null; // storage is barred
  }
}

function keep(storage: () => Storage, name: string, text: string | null): void {
  try {
    if (text === null) storage().removeItem(name);
    else storage().setItem(name, text);
  } catch {
    // storage is barred: the session lasts until the page is loaded anew
  }
}

function tell(): void {
  for (const listener of listeners) listener();
}
