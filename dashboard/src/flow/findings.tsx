"use client";

import type { Finding, Problem } from "@/api/types";
import { Badge } from "@/components/ui";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";

export function severityTone(severity: string): "bad" | "warn" | "plain" {
  if (["critical", "high", "error", "blocker"].includes(severity)) return "bad";
  return ["medium", "major", "warning"].includes(severity) ? "warn" : "plain";
}

export function FindingLine({ finding }: { finding: Finding }) {
  return (
    <div className="flex flex-wrap items-baseline gap-x-2 gap-y-1 text-[0.8125rem]">
      <Badge tone={severityTone(finding.severity)}>{finding.severity}</Badge>
      {finding.action && <Badge tone={finding.action === "reject" ? "bad" : finding.action === "ask" ? "warn" : "plain"}>{finding.action}</Badge>}
      <span className="font-mono text-2xs text-faint">{finding.rule}</span>
      <p className="w-full break-words whitespace-pre-wrap">{visible(finding.message)}</p>
    </div>
  );
}

export function Findings({ findings, none, title }: { findings: readonly Finding[]; none: string; title?: string }) {
  if (findings.length === 0) return none ? <p className="text-[0.8125rem] text-muted">{none}</p> : null;
  return (
    <section>
      <h3 className="mb-2 text-xs font-medium text-muted">{title ?? plural(findings.length, "finding")}</h3>
      <ul className="divide-y divide-line overflow-hidden rounded-lg ring-1 ring-line ring-inset">
        {findings.map((finding, index) => (
          <li key={index} className="space-y-1 p-3">
            {finding.file && (
              <p className="font-mono text-xs break-all text-muted">
                {visible(finding.file)}
                {finding.line ? `:${finding.line}` : ""}
              </p>
            )}
            <FindingLine finding={finding} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Why a diff was refused: what it wrote beside what the file has. */
export function Problems({ problems }: { problems: readonly Problem[] }) {
  if (problems.length === 0) return null;
  return (
    <section>
      <h3 className="mb-2 text-xs font-medium text-muted">Refused: {plural(problems.length, "problem")}</h3>
      <ul className="space-y-2">
        {problems.map((problem, index) => (
          <li key={index} className="space-y-2 rounded-lg bg-bad/5 p-3 text-[0.8125rem] ring-1 ring-bad/20 ring-inset">
            <p className="break-words">
              <Badge tone="bad" className="mr-2">{problem.code}</Badge>
              {problem.path && <span className="mr-2 font-mono text-xs break-all text-muted">{visible(problem.path)}</span>}
              {visible(problem.message)}
            </p>
            {(problem.wrote !== undefined || problem.found !== undefined) && (
              <dl className="space-y-1 font-mono text-xs">
                <Line name="it wrote" text={problem.wrote ?? ""} tone="text-bad" />
                <Line name="file has" text={problem.found ?? ""} tone="text-good" />
              </dl>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Line({ name, text, tone }: { name: string; text: string; tone: string }) {
  return (
    <div className="flex gap-3">
      <dt className="w-16 shrink-0 text-faint">{name}</dt>
      <dd className={`min-w-0 break-all whitespace-pre-wrap ${tone}`}>{visible(text)}</dd>
    </div>
  );
}
