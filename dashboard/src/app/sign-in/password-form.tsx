"use client";

import { ArrowRight, LoaderCircle } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Failure } from "@/components/states";
import { Button, Field, Input } from "@/components/ui";

export function PasswordForm() {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      const { signInWithPassword } = await import("@/api/supabase"); // its library is not in the first page
      await signInWithPassword(String(form.get("email")), String(form.get("password")));
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="E-mail">
        <Input type="email" name="email" autoComplete="username" required />
      </Field>
      <Field label="Password">
        <Input type="password" name="password" autoComplete="current-password" required />
      </Field>
      {error !== null && <Failure compact error={error} />}
      <Button kind="primary" type="submit" disabled={busy} className="w-full">
        {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : <ArrowRight aria-hidden className="size-4" />} Sign in
      </Button>
    </form>
  );
}
