/** Sign-in of people by Supabase Auth. Its library keeps the session, for all tabs, and renews its token in time. */
import { type AuthError, GoTrueClient, isAuthRefreshDiscardedError, isAuthRetryableFetchError, type Session as Kept } from "@supabase/auth-js";
import { get } from "./client";
import { currentSession, type Session, signIn, signOut, SUPABASE_NAME } from "./session";

const OVER = "Your session is over. Sign in again.";
let client: Promise<GoTrueClient> | undefined;

/** The service of sign-ins did not answer; whoever is signed in stays so. */
export class SignInAway extends Error {
  constructor() {
    super("Your sign-in has to be renewed, and the service that does so does not answer. It is asked again.");
    this.name = "SignInAway";
  }
}

/** Loaded, it renews the token of whoever is signed in before its time is over. */
export function supabase(): Promise<GoTrueClient> {
  client ??= load();
  client.catch(() => (client = undefined)); // the next one asks again
  return client;
}

async function load(): Promise<GoTrueClient> {
  const { supabase: values } = await get("/v1/ui-config");
  if (!values) throw new Error("This server no longer knows sign-ins by e-mail. Sign in with a key.");
  const made = new GoTrueClient({
    url: `${values.url.replace(/\/+$/, "")}/auth/v1`,
    headers: { apikey: values.anon_key },
    storageKey: SUPABASE_NAME,
    storage: window.localStorage,
    autoRefreshToken: true,
    persistSession: true,
    detectSessionInUrl: false,
  });
  made.onAuthStateChange((event, session) => {
    const kind = currentSession()?.kind;
    if (kind === "key") return; // another tab's sign-in: this one goes on with its key
    if (session) signIn({ kind: "supabase", token: session.access_token });
    else if (event === "SIGNED_OUT" && kind === "supabase") signOut(OVER);
  });
  return made;
}

/** Rejects with the words of Supabase. */
export async function signInWithPassword(email: string, password: string): Promise<void> {
  const { error } = await (await supabase()).signInWithPassword({ email, password });
  if (error) throw error;
}

/**
 * After the API has refused a token, which after a laptop's sleep is just too old. Null: the session is over. Rejects with
 * SignInAway.
 */
export async function renewed(refused: Session): Promise<Session | null> {
  const known = await supabase();
  let found: Found = await known.getSession(); // renews it where the clock says so
  if (isAuthRefreshDiscardedError(found.error)) found = await known.getSession(); // another tab was quicker: what it got
  const { session } = found.data;
  if (session?.access_token === refused.token) found = await known.refreshSession(session);
  if (found.data.session) return { kind: "supabase", token: found.data.session.access_token };
  if (isAuthRetryableFetchError(found.error)) throw new SignInAway();
  return null;
}

interface Found {
  readonly data: { readonly session: Kept | null };
  readonly error: AuthError | null;
}

/** Ends the session there too, so that nothing that was kept of it opens anything. */
export async function leave(token: string): Promise<void> {
  const known = await supabase();
  await known.signOut({ scope: "local" }); // what the library itself remembers; first, for somebody may sign in meanwhile
  await known.admin.signOut(token, "local");
}
