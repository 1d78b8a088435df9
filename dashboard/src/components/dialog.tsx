"use client";

import clsx from "clsx";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";

/** The browser's own dialog: it keeps the focus, closes on Escape and gives the focus back. */
export function Dialog({ title, open, onClose, children, wide = false }: { title: string; open: boolean; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const element = useRef<HTMLDialogElement>(null);
  const pressed = useRef(false); // what is marked from within and let go outside is no click there
  useEffect(() => {
    const dialog = element.current;
    if (!dialog) return;
    if (open && !dialog.open) {
      dialog.showModal();
      dialog.querySelector<HTMLElement>("input, select, textarea")?.focus(); // not the cross, which comes first
    }
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      aria-label={title}
      onClose={onClose}
      onPointerDown={(event) => void (pressed.current = event.target === element.current)}
      onClick={(event) => event.target === element.current && pressed.current && onClose()}
      className={clsx("max-h-[90dvh] w-[calc(100%-2rem)] overflow-hidden rounded-xl bg-panel shadow-2xl ring-1 ring-line-strong backdrop:bg-black/60", wide ? "max-w-3xl" : "max-w-lg")}
    >
      {open && (
        <div className="flex max-h-[90dvh] flex-col">
          <header className="flex items-center border-b border-line px-5 py-3">
            <h2 className="font-semibold">{title}</h2>
            <button type="button" aria-label="Close" onClick={onClose} className="ml-auto rounded p-1 text-muted hover:bg-white/8 hover:text-ink">
              <X aria-hidden className="size-4" />
            </button>
          </header>
          <div className="overflow-y-auto p-5">{children}</div>
        </div>
      )}
    </dialog>
  );
}
