"use client";

import { useQuery } from "@tanstack/react-query";
import { ArrowRight, LoaderCircle } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { type FormEvent, useEffect, useState } from "react";
import { call, get } from "@/api/client";
import { signIn } from "@/api/session";
import type { UiConfig } from "@/api/types";
import { Logo } from "@/components/logo";
import { Failure } from "@/components/states";
import { Button, Field, Input, Segmented } from "@/components/ui";
import { useFarewell, useSession } from "@/lib/hooks";
import { inside } from "@/lib/inside";
import { PasswordForm } from "./password-form";

type Way = UiConfig["sign_in"][number];
const NAMES: Record<Way, string> = { key: "API key", supabase: "E-mail" };

export function SignIn() {
  const router = useRouter();
  const to = inside(useSearchParams().get("to"));
  const session = useSession();
  useEffect(() => {
    if (session) router.replace(to);
  }, [session, to, router]);
  const config = useQuery({ queryKey: ["ui-config"], queryFn: () => get("/v1/ui-config"), staleTime: Infinity });
  const [chosen, choose] = useState<Way | null>(null);
  const ways = config.data?.sign_in ?? ["key"];
  const way = chosen ?? ways[0] ?? "key";
  const farewell = useFarewell();
  return (
    <div className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-sm">
        <Logo className="mx-auto mb-5 size-10" />
        <h1 className="text-center text-xl font-semibold tracking-tight">Sign in to CF-X Flow</h1>
        <p className="mt-1 mb-6 text-center text-[0.8125rem] text-muted">Every run, every cent, every finding.</p>
        <div className="space-y-4 rounded-xl bg-panel p-5 ring-1 ring-inset ring-line">
          {farewell && <Failure compact error={farewell} />}
          {ways.length > 1 && <Segmented label="Sign in with" value={way} options={ways.map((name) => [name, NAMES[name]] as const)} onChange={choose} />}
          {way === "supabase" ? <PasswordForm /> : <KeyForm />}
        </div>
        {config.data && <p className="mt-4 text-center text-2xs text-faint">version {config.data.version}</p>}
      </div>
    </div>
  );
}

function KeyForm() {
  const [key, setKey] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const token = key.trim();
    setBusy(true);
    setError(null);
    try {
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("A key has no spaces and no special letters: paste it once more.");
      await call("/v1/status", { headers: { authorization: `Bearer ${token}` } });
      signIn({ kind: "key", token });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="API key" hint="Kept in this tab until you close it. `cfx keys create --user NAME` makes one.">
        <Input type="password" name="key" autoComplete="off" spellCheck={false} autoFocus required placeholder="cfx_…" value={key} onChange={(event) => setKey(event.target.value)} className="font-mono" />
      </Field>
      {error !== null && <Failure compact error={error} />}
      <Button kind="primary" type="submit" disabled={busy || key.trim() === ""} className="w-full">
        {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : <ArrowRight aria-hidden className="size-4" />} Sign in
      </Button>
    </form>
  );
}
