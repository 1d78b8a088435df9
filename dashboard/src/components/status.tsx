import clsx from "clsx";
import { Ban, CircleCheck, CircleDashed, CircleDot, CirclePause, CircleX, OctagonX, type LucideIcon } from "lucide-react";
import type { FlowStatus } from "@/api/types";

const LOOKS: Record<FlowStatus, readonly [LucideIcon, string, string]> = {
  queued: [CircleDashed, "text-muted", "Queued"],
  in_progress: [CircleDot, "text-busy", "Running"],
  requires_action: [CirclePause, "text-warn", "Needs you"],
  approved: [CircleCheck, "text-good", "Approved"],
  rejected: [CircleX, "text-bad", "Rejected"],
  failed: [OctagonX, "text-bad", "Failed"],
  cancelled: [Ban, "text-faint", "Cancelled"],
};

export function statusWord(status: FlowStatus): string {
  return LOOKS[status][2];
}

export function StatusMark({ status, className, withWord = true }: { status: FlowStatus; className?: string; withWord?: boolean }) {
  const [Icon, colour, word] = LOOKS[status];
  return (
    <span className={clsx("inline-flex items-center gap-1.5 font-medium whitespace-nowrap", colour, className)}>
      <Icon aria-hidden className={clsx("size-4 shrink-0", status === "in_progress" && "animate-breathe")} />
      <span className={withWord ? undefined : "sr-only"}>{word}</span>
    </span>
  );
}
