"use client";

import { FileText } from "lucide-react";
import { isMissing } from "@/api/client";
import type { Flow, Plan } from "@/api/types";
import { Empty, Shown } from "@/components/states";
import Markdown from "@/components/markdown";
import { Badge, Panel } from "@/components/ui";
import { plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import type { Story } from "./story";
import { usePlan } from "./use-flow";

/** The plan that counts, and the contract to which every patch is held. */
export default function PlanView({ flow, story }: { flow: Flow; story: Story }) {
  const stamp = story.steps.filter((step) => (step.lane === "plan" || step.node === "approve_plan") && step.to !== null).length;
  const plan = usePlan(flow.id, stamp);
  if (isMissing(plan.error) && !plan.data) return <Empty icon={FileText} title="There is no plan yet" />;
  return <Shown of={plan}>{(found) => <Both plan={found} />}</Shown>;
}

function Both({ plan }: { plan: Plan }) {
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_24rem]">
      <Panel title="Plan" aside={plan.approved_by_person && <Badge tone="good">approved by a person</Badge>}>
        <div className="p-5">
          <Markdown text={withoutContract(plan.plan ?? "")} />
        </div>
      </Panel>
      <Panel title="Contract" aside={plan.contract && <Badge>{plural(plan.contract.files.length, "file")}</Badge>}>
        {plan.contract ? <Contract contract={plan.contract} /> : <p className="p-4 text-[0.8125rem] text-muted">There is none: {visible(plan.contract_problem ?? "the plan brought no block")}. The patch is checked for form and policy alone.</p>}
      </Panel>
    </div>
  );
}

/** The block is shown beside the plan, as it was understood. */
function withoutContract(plan: string): string {
  return plan.replace(/^```json cfx-plan\s*\n[\s\S]*?^```\s*$/m, "");
}

const TONES = { create: "good", modify: "warn", delete: "bad" } as const;

function Contract({ contract }: { contract: NonNullable<Plan["contract"]> }) {
  return (
    <div className="space-y-4 p-4">
      <ul className="space-y-2.5">
        {contract.files.map((file) => (
          <li key={file.path} className="text-[0.8125rem]">
            <p className="flex items-center gap-2">
              <Badge tone={TONES[file.operation as keyof typeof TONES] ?? "plain"}>{file.operation}</Badge>
              <span className="min-w-0 font-mono text-xs break-all">{visible(file.path)}</span>
            </p>
            {file.purpose && <p className="mt-0.5 text-xs break-words text-muted">{visible(file.purpose)}</p>}
          </li>
        ))}
      </ul>
      <Items name="Tests" items={contract.tests} />
      <Items name="New dependencies" items={contract.dependencies} />
      <Items name="Risks" items={contract.risks} />
      <Items name="Out of scope" items={contract.out_of_scope} />
    </div>
  );
}

function Items({ name, items }: { name: string; items: readonly string[] | undefined }) {
  if (!items?.length) return null;
  return (
    <section>
      <h3 className="mb-1 text-xs font-medium text-muted">{name}</h3>
      <ul className="list-disc space-y-1 pl-4 text-[0.8125rem] marker:text-faint">
        {items.map((item, index) => (
          <li key={index} className="break-words">
            {visible(item)}
          </li>
        ))}
      </ul>
    </section>
  );
}
