/** Sign-in of people by Supabase Auth; its library keeps the token fresh, and we take each new one over. */
import { GoTrueClient } from "@supabase/auth-js";
import { currentSession, onSession, signIn, signOut } from "./session";
import type { UiConfig } from "./types";

type Supabase = NonNullable<UiConfig["supabase"]>;
let client: GoTrueClient | undefined;

function clientOf(supabase: Supabase): GoTrueClient {
  if (client) return client;
  client = new GoTrueClient({
    url: `${supabase.url.replace(/\/+$/, "")}/auth/v1`,
    headers: { apikey: supabase.anon_key },
    storageKey: "cfx.supabase",
    storage: window.sessionStorage,
    autoRefreshToken: true,
    persistSession: true,
    detectSessionInUrl: false,
  });
  client.onAuthStateChange((event, session) => {
    if (session) signIn({ kind: "supabase", token: session.access_token });
    else if (event === "SIGNED_OUT" && currentSession()?.kind === "supabase") signOut("Your session is over. Sign in again.");
  });
  return client;
}

/** Rejects with the words of Supabase. */
export async function signInWithPassword(supabase: Supabase, email: string, password: string): Promise<void> {
  const { error } = await clientOf(supabase).signInWithPassword({ email, password });
  if (error) throw error;
}

/** Goes on refreshing what session storage has kept, after a page was loaded anew; tells when the person has left. */
export function keepFresh(supabase: Supabase): void {
  const known = clientOf(supabase);
  const stop = onSession(() => {
    if (currentSession()) return;
    stop();
    void known.signOut({ scope: "local" });
  });
}
