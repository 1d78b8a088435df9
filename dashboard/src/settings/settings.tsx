"use client";

import { useQuery } from "@tanstack/react-query";
import { useState, useSyncExternalStore } from "react";
import { get } from "@/api/client";
import type { components } from "@/api/schema";
import { CopyButton } from "@/components/copy";
import { Shown } from "@/components/states";
import { Badge, PageHead, Panel, Segmented, stageTone } from "@/components/ui";
import { count } from "@/lib/format";
import { editorsFor } from "./editors";

type Target = components["schemas"]["TargetShown"];

export function Settings() {
  const stages = useQuery({ queryKey: ["stages"], queryFn: () => get("/v1/stages"), staleTime: Infinity });
  const config = useQuery({ queryKey: ["ui-config"], queryFn: () => get("/v1/ui-config"), staleTime: Infinity });
  const here = useSyncExternalStore(() => () => undefined, () => window.location.origin, () => "");
  return (
    <>
      <PageHead title="Settings" note={config.data && `CF-X Flow ${config.data.version}`} />
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <Panel title="Editors" aside={<span className="font-mono text-xs text-faint">{config.data?.base_url ?? here}</span>}>
          <Editors base={config.data?.base_url ?? here} />
        </Panel>
        <Panel title="Models per stage" aside={<span className="text-xs text-faint">config/models.yaml</span>}>
          <Shown of={stages}>
            {(shown) => (
              <div className="divide-y divide-line">
                {shown.stages.map((stage) => (
                  <section key={stage.stage} aria-label={stage.stage} className="px-4 py-3">
                    <h3><Badge tone={stageTone(stage.stage)}>{stage.stage}</Badge></h3>
                    <ol className="mt-2 space-y-1.5">
                      {stage.targets.map((target, n) => (
                        <TargetRow key={target.id} name={target.model} target={target} note={n === 0 ? "first" : "then"} />
                      ))}
                    </ol>
                  </section>
                ))}
                <section aria-label="direct" className="px-4 py-3">
                  <h3 className="flex items-center gap-2">
                    <Badge tone="direct">direct</Badge>
                    <span className="text-xs text-faint">by name, at most {count(shown.direct_max_tokens)} tokens</span>
                  </h3>
                  <ul className="mt-2 space-y-1.5">
                    {shown.direct.map((model) => (
                      <TargetRow key={model.id} name={model.id} target={model.target} />
                    ))}
                  </ul>
                </section>
              </div>
            )}
          </Shown>
        </Panel>
      </div>
    </>
  );
}

const price = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 4 });

function TargetRow({ name, target, note }: { name: string; target: Target; note?: string }) {
  return (
    <li className="flex items-baseline gap-x-3 text-[0.8125rem]">
      {note && <span className="w-9 shrink-0 text-xs text-faint">{note}</span>}
      <span className="min-w-0 font-mono text-xs break-all">{name}</span>
      <span className="num ml-auto shrink-0 text-xs text-muted" title="USD per million tokens, in and out">
        {price.format(target.input_usd)} <span className="text-faint">in</span> {price.format(target.output_usd)} <span className="text-faint">out</span>
      </span>
      <span className="num w-12 shrink-0 text-right text-xs text-faint max-sm:hidden" title="Context window, tokens">{count(target.context_window)}</span>
    </li>
  );
}

function Editors({ base }: { base: string }) {
  const editors = editorsFor(base);
  const [name, choose] = useState(editors[0]!.name);
  const editor = editors.find((one) => one.name === name) ?? editors[0]!;
  return (
    <div className="space-y-3 p-4">
      <div className="overflow-x-auto">
        <Segmented label="Editor" value={editor.name} options={editors.map((one) => [one.name, one.name] as const)} onChange={choose} />
      </div>
      <p className="text-[0.8125rem] text-muted">{editor.how}</p>
      {editor.fields ? (
        <dl className="divide-y divide-line/60 rounded-lg bg-canvas ring-1 ring-line ring-inset">
          {editor.fields.map(([field, value]) => (
            <div key={field} className="flex items-center gap-3 px-3 text-[0.8125rem]">
              <dt className="w-24 shrink-0 text-muted">{field}</dt>
              <dd className="flex min-h-11 min-w-0 flex-1 items-center justify-between gap-3 font-mono text-xs">
                <span className="min-w-0 [overflow-wrap:anywhere]">{value}</span>
                {value !== "cfx_…" && <CopyButton iconOnly text={value} label={`Copy ${field}`} />}
              </dd>
            </div>
          ))}
        </dl>
      ) : (
        <>
          <pre tabIndex={0} className="overflow-x-auto rounded-lg bg-canvas p-3 font-mono text-xs leading-relaxed ring-1 ring-line ring-inset">{editor.text}</pre>
          <CopyButton text={editor.text} />
        </>
      )}
      <p className="text-xs text-faint">The key is one of yours: make one for each editor on the page Keys.</p>
    </div>
  );
}
