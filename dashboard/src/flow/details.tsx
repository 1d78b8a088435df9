"use client";

import { useQuery } from "@tanstack/react-query";
import { get } from "@/api/client";
import type { Flow, Tests } from "@/api/types";
import { CodeText } from "@/components/code-text";
import { Table, Td, Th, Tr } from "@/components/table";
import { Badge, Money, Panel, State, stageTone } from "@/components/ui";
import { count, duration, moment } from "@/lib/format";
import { visible } from "@/lib/visible";
import { outcomeOfTests } from "./tested";

/** What each round has cost, and everything that the flow was set to. */
export default function Details({ flow, onStep }: { flow: Flow; onStep: (n: number) => void }) {
  const tests = useQuery({ queryKey: ["flow-tests", flow.id, flow.version, flow.step], queryFn: () => get("/v1/flows/{flow_id}/tests", { path: { flow_id: flow.id } }) });
  const facts: [string, React.ReactNode][] = [
    ["Flow", <Mono key="id">{flow.id}</Mono>],
    ["Snapshot", <Mono key="snapshot">{flow.snapshot_id}</Mono>],
    ["Folder", flow.workspace && <Mono key="folder">{flow.workspace}</Mono>],
    ["Approval", flow.approval],
    ["Bound to", flow.approval_hash && <Mono key="hash">{flow.approval_hash}</Mono>],
    ["Tests", tests.data && <TestsSaid key="tests" tests={tests.data} policy={flow.tests} onStep={onStep} />],
    ["Made", moment(flow.created_at)],
    ["Ended", flow.completed_at && moment(flow.completed_at)],
    ["Time budget", `${duration(flow.budget.seconds * 1000)}`],
    ["Webhook", flow.webhook && `${visible(flow.webhook.url)}: ${flow.webhook.state}, ${flow.webhook.tries} tries${flow.webhook.last_error ? `, ${visible(flow.webhook.last_error)}` : ""}`],
  ];
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Panel title="Cost by round">
        <Table label="Cost by round" head={["Round", "Stage", "Model", "Calls", "Tokens", "Cost"].map((name) => <Th key={name}>{name}</Th>)}>
          {flow.rounds.flatMap((round) =>
            Object.entries(round.stages).map(([stage, share]) => (
              <Tr key={`${round.round}-${stage}`}>
                <Td label="Round">{round.round || "planning"}</Td>
                <Td label="Stage"><Badge tone={stageTone(stage)}>{stage}</Badge></Td>
                <Td label="Model" className="font-mono text-xs break-all">{visible(share.model ?? "")}</Td>
                <Td label="Calls" className="num">
                  {share.calls}
                  {share.maybe_paid_twice > 0 && <span className="text-warn" title="Calls that were in flight when a process died, and were made again"> ({share.maybe_paid_twice} maybe twice)</span>}
                </Td>
                <Td label="Tokens" className="num">
                  <span title={`${share.input_tokens} in, ${share.cached_tokens} of them from the provider's cache, ${share.output_tokens} out`}>
                    {count(share.input_tokens + share.output_tokens)}
                    {share.cached_tokens > 0 && <span className="text-faint"> ({count(share.cached_tokens)} cached)</span>}
                  </span>
                </Td>
                <Td label="Cost"><Money usd={share.cost_usd} /></Td>
              </Tr>
            )),
          )}
        </Table>
      </Panel>
      <Panel title="Settings">
        <dl className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-4 gap-y-2.5 p-4 text-[0.8125rem]">
          {facts
            .filter(([, value]) => value)
            .map(([name, value]) => (
              <div key={name} className="contents">
                <dt className="text-faint">{name}</dt>
                <dd className="min-w-0 break-words">{value}</dd>
              </div>
            ))}
        </dl>
        {Object.keys(flow.metadata).length > 0 && (
          <div className="px-4 pb-4">
            <CodeText text={JSON.stringify(flow.metadata, null, 2)} label="metadata" />
          </div>
        )}
      </Panel>
    </div>
  );
}

function TestsSaid({ tests, policy, onStep }: { tests: Tests; policy: string | null; onStep: (n: number) => void }) {
  const { step } = tests;
  if (tests.status === "not_run" || step === null) return `${policy ? `${visible(policy)}, ` : ""}not run: ${visible(tests.reason ?? "")}`;
  const [tone, word] = outcomeOfTests(tests);
  return (
    <>
      <State tone={tone}>{word}</State>{" "}
      <button type="button" onClick={() => onStep(step)} className="rounded text-accent hover:underline">
        {visible(tests.policy ?? "")}, step {step}
      </button>
      <p className="mt-1 text-muted">{visible(tests.message ?? "")}</p>
    </>
  );
}

function Mono({ children }: { children: string }) {
  return <span className="font-mono text-xs break-all">{visible(children)}</span>;
}
