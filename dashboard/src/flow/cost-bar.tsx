import clsx from "clsx";
import type { StageShare } from "@/api/types";
import { money } from "@/lib/format";

const ORDER = ["plan", "code", "review", "direct"] as const;
const FILLS: Record<string, string> = { plan: "bg-plan", code: "bg-code", review: "bg-review", direct: "bg-direct" };

/** Which stage the money went to. */
export function CostBar({ stages, className }: { stages: Readonly<Record<string, StageShare>>; className?: string }) {
  const shares = ORDER.flatMap((name) => {
    const cost = stages[name]?.cost_usd ?? 0;
    return cost > 0 ? [[name, cost] as const] : [];
  });
  const sum = shares.reduce((total, [, cost]) => total + cost, 0);
  const told = shares.map(([name, cost]) => `${name} ${money(cost)}`).join(", ");
  return (
    <span role="img" aria-label={told || "no cost yet"} title={told} className={clsx("flex h-1 gap-px overflow-hidden rounded-full bg-white/6", className)}>
      {shares.map(([name, cost]) => (
        <span key={name} className={clsx("h-full min-w-0.5", FILLS[name])} style={{ width: `${(cost / sum) * 100}%` }} />
      ))}
    </span>
  );
}
