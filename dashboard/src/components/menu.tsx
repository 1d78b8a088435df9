"use client";

import { type ReactNode, useEffect, useRef } from "react";
import { buttonClass } from "./ui";

/** A button that shows a few more; closes on a choice, on Escape and on a click elsewhere. */
export function Menu({ label, children }: { label: ReactNode; children: ReactNode }) {
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    function close(event: Event): void {
      const menu = element.current;
      if (!menu?.open) return;
      const inside = event.target instanceof Node && menu.contains(event.target);
      if (event instanceof KeyboardEvent ? event.key !== "Escape" : inside) return;
      menu.open = false;
      if (event instanceof KeyboardEvent) menu.querySelector("summary")?.focus();
    }
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  /** The entry that has the focus goes out of sight, so its button takes it: a dialog that the choice opens gives it back there. */
  function chosen(): void {
    if (!element.current) return;
    element.current.querySelector("summary")?.focus();
    element.current.open = false;
  }
  return (
    <details ref={element} className="relative">
      <summary className={`${buttonClass("plain", "sm")} list-none [&::-webkit-details-marker]:hidden`}>{label}</summary>
      <div onClick={chosen} className="absolute right-0 z-40 mt-1 min-w-44 rounded-lg bg-raised p-1 shadow-xl ring-1 ring-line-strong max-sm:right-auto max-sm:left-0">
        {children}
      </div>
    </details>
  );
}

export function MenuEntry({ onClick, disabled, children }: { onClick: () => void; disabled?: boolean; children: ReactNode }) {
  return (
    <button type="button" disabled={disabled} onClick={onClick} className="flex w-full items-center gap-2 rounded-md px-2.5 py-1.5 text-left text-[0.8125rem] hover:bg-white/8 disabled:opacity-40">
      {children}
    </button>
  );
}
