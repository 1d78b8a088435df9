/** Three strokes: plan, code, review. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden className={className}>
      <rect x="3" y="4" width="9" height="4" rx="2" className="fill-plan" />
      <rect x="7" y="10" width="14" height="4" rx="2" className="fill-code" />
      <rect x="12" y="16" width="7" height="4" rx="2" className="fill-review" />
    </svg>
  );
}
