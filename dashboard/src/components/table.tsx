import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

/** A plain table in the house's manner. Below `sm` its rows are cards: give cells a `label`. */
export function Table({ label, head, children, className }: { label: string; head: ReactNode; children: ReactNode; className?: string }) {
  return (
    <table aria-label={label} className={clsx("w-full border-collapse text-left text-[0.8125rem]", className)}>
      <thead className="max-sm:sr-only">
        <tr className="border-b border-line text-xs text-faint">{head}</tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

export function Th({ className, ...rest }: ComponentProps<"th">) {
  return <th scope="col" className={clsx("px-3 py-2 font-medium whitespace-nowrap first:pl-4 last:pr-4", className)} {...rest} />;
}

export function Tr({ className, ...rest }: ComponentProps<"tr">) {
  return <tr className={clsx("border-b border-line/60 transition-colors last:border-0 hover:bg-white/3 max-sm:block max-sm:px-4 max-sm:py-3", className)} {...rest} />;
}

export function Td({ label, className, children, ...rest }: ComponentProps<"td"> & { label?: string }) {
  return (
    <td className={clsx("px-3 py-2.5 align-middle first:pl-4 last:pr-4 max-sm:flex max-sm:items-baseline max-sm:gap-3 max-sm:px-0! max-sm:py-0.5", className)} {...rest}>
      {label && <span className="w-24 shrink-0 text-xs text-faint sm:hidden">{label}</span>}
      {children}
    </td>
  );
}
