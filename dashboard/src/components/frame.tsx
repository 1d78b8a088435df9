"use client";

import clsx from "clsx";
import { ChartNoAxesColumn, KeyRound, LogOut, type LucideIcon, ScrollText, ServerOff, Settings2, Workflow } from "lucide-react";
import Link from "next/link";
import { usePathname, useRouter } from "next/navigation";
import { Fragment, type ReactNode, useEffect } from "react";
import { currentSession, personOf, signOut } from "@/api/session";
import { useReachable, useSession } from "@/lib/hooks";
import { Logo } from "./logo";

interface Place {
  readonly href: string;
  readonly name: string;
  readonly icon: LucideIcon;
  /** other pages that belong to it */
  readonly also?: readonly string[];
}

const PLACES: readonly Place[] = [
  { href: "/", name: "Overview", icon: ChartNoAxesColumn },
  { href: "/flows", name: "Flows", icon: Workflow, also: ["/flow", "/new"] },
  { href: "/logs", name: "Logs", icon: ScrollText },
  { href: "/keys", name: "Keys", icon: KeyRound },
  { href: "/settings", name: "Settings", icon: Settings2 },
];
const SIGN_IN = "/sign-in";

/** Navigation around every page but that of sign-in, to which whoever has no session is sent. */
export function Frame({ children }: { children: ReactNode }) {
  const path = usePathname();
  const session = useSession();
  const router = useRouter();
  const outside = path === SIGN_IN;
  useEffect(() => {
    if (session === null && !outside) router.replace(`${SIGN_IN}?to=${encodeURIComponent(path + window.location.search)}`);
  }, [session, outside, path, router]);
  if (outside) return <main id="main">{children}</main>;
  return (
    <div className="flex min-h-dvh max-md:flex-col">
      <a href="#main" className="sr-only z-50 rounded bg-accent-strong px-3 py-2 text-white focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Skip to content
      </a>
      <Side path={path} />
      <div className="min-w-0 flex-1">
        <Away />
        <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[90rem] px-4 py-6 outline-none sm:px-6 lg:px-8">
          {/* Anew for another person: also what a page follows and has been told live is one person's. */}
          {session ? <Fragment key={personOf(session)}>{children}</Fragment> : null}
        </main>
      </div>
    </div>
  );
}

function Side({ path }: { path: string }) {
  return (
    <header className="sticky top-0 z-30 flex shrink-0 border-line bg-panel/85 backdrop-blur max-md:h-12 max-md:items-center max-md:border-b max-md:px-2 md:h-dvh md:w-52 md:flex-col md:border-r md:p-3">
      <Link href="/" aria-label="CF-X Flow, overview" className="flex items-center gap-2 rounded-md px-2 font-semibold tracking-tight md:mb-4 md:h-9">
        <Logo className="size-5" />
        <span className="max-md:hidden">CF-X Flow</span>
      </Link>
      <nav aria-label="Pages" className="min-w-0 flex-1">
        <ul className="flex gap-0.5 max-md:justify-end md:flex-col">
          {PLACES.map((place) => (
            <li key={place.href}>
              <Entry place={place} here={path === place.href || (place.also?.includes(path) ?? false)} />
            </li>
          ))}
        </ul>
      </nav>
      <button type="button" onClick={leave} className="flex h-8 items-center gap-2.5 rounded-md px-2 text-[0.8125rem] text-muted hover:bg-white/5 hover:text-ink">
        <LogOut aria-hidden className="size-4" />
        <span className="max-md:sr-only">Sign out</span>
      </button>
    </header>
  );
}

/** Out of this page at once; Supabase is told, and where it is away, its session ends with its time. */
function leave(): void {
  const session = currentSession();
  signOut();
  if (session?.kind === "supabase") void import("@/api/supabase").then((known) => known.leave(session.token)).catch(() => undefined);
}

function Entry({ place, here }: { place: Place; here: boolean }) {
  const Icon = place.icon;
  return (
    <Link
      href={place.href}
      aria-current={here ? "page" : undefined}
      className={clsx(
        "flex h-8 items-center gap-2.5 rounded-md px-2 text-[0.8125rem] font-medium transition-colors",
        here ? "bg-white/8 text-ink" : "text-muted hover:bg-white/5 hover:text-ink",
      )}
    >
      <Icon aria-hidden className="size-4 shrink-0" />
      <span className="max-sm:sr-only">{place.name}</span>
    </Link>
  );
}

function Away() {
  if (useReachable()) return null;
  return (
    <div role="status" className="flex items-center justify-center gap-2 bg-bad/15 px-4 py-1.5 text-xs text-bad">
      <ServerOff aria-hidden className="size-3.5" /> The server does not answer. What you see may be old; it is asked again every two seconds.
    </div>
  );
}
