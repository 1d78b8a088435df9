"use client";

import clsx from "clsx";
import { CodeText } from "@/components/code-text";
import { Facts, Section } from "@/components/ui";
import { duration } from "@/lib/format";
import { visible } from "@/lib/visible";
import { isCut, outcomeOfTests, type Tested } from "./tested";

const BOXES = { good: "bg-good/5 ring-good/20", bad: "bg-bad/5 ring-bad/20", warn: "bg-warn/5 ring-warn/20", plain: "bg-white/4 ring-line" };

/** How the tests of a patch went, what fails since it and what failed before, and what they printed. */
export function TestsView({ tests, log }: { tests: Tested; log: string }) {
  const [tone] = outcomeOfTests(tests);
  const old = tests.failures.filter((name) => !tests.new_failures.includes(name));
  return (
    <>
      <p className={clsx("rounded-lg p-3 text-[0.8125rem] break-words ring-1 ring-inset", BOXES[tone])}>{visible(tests.message)}</p>
      <Facts facts={factsOf(tests)} />
      <Names title="Fail since the patch" names={tests.new_failures} more={isCut(tests.new_failures, tests.failed) && "and perhaps more"} className="text-bad" />
      <Names title="Failed before too" names={old} more={isCut(tests.failures, tests.failed) && "and more"} className="text-warn" />
      {tests.status !== "skipped" && <Section title="Log">{log ? <CodeText text={log} label="log" /> : <p className="text-[0.8125rem] text-muted">Nothing was printed.</p>}</Section>}
    </>
  );
}

function factsOf(tests: Tested): [string, React.ReactNode][] {
  const facts: [string, React.ReactNode][] = [["Policy", <span key="policy" className="font-mono text-xs">{visible(tests.policy)}</span>]];
  for (const [name, count] of [["Passed", tests.passed], ["Failed", tests.failed], ["Left out", tests.skipped]] as const) if (count !== null) facts.push([name, count]);
  if (tests.timed_out) facts.push(["Exit code", "none, their time was over"]);
  else if (tests.exit_code !== null) facts.push(["Exit code", tests.exit_code]);
  if (tests.before) facts.push(["Without the patch", tests.before.failed ? `${tests.before.failed} failed` : tests.before.status]);
  if (tests.sandbox) facts.push(["Ran in", tests.sandbox], ["Took", duration(tests.duration_ms)]);
  return facts;
}

function Names({ title, names, more, className }: { title: string; names: readonly string[]; more: string | false; className: string }) {
  if (names.length === 0) return null;
  return (
    <Section title={title}>
      <ul className="max-h-64 space-y-1 overflow-y-auto rounded-lg bg-canvas p-3 font-mono text-xs ring-1 ring-line ring-inset" tabIndex={0} aria-label={title}>
        {names.map((name) => (
          <li key={name} className={clsx("break-all", className)}>
            {visible(name)}
          </li>
        ))}
        {more && <li className="text-faint">{more}</li>}
      </ul>
    </Section>
  );
}
