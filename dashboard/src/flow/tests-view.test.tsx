import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { NO_TESTS, type Tested } from "./tested";
import { TestsView } from "./tests-view";

const FAILED: Tested = {
  ...NO_TESTS, status: "failed", policy: "pytest", message: "With the patch a test fails: test_new. 1 failed before.", sandbox: "bubblewrap", exit_code: 1, duration_ms: 1234,
  passed: 38, failed: 2, skipped: 0, failures: ["test_new", "test_old"], new_failures: ["test_new"], before: { status: "failed", failed: 1 },
};

function shown(tests: Tested, log = ""): string {
  return renderToStaticMarkup(<TestsView tests={tests} log={log} />);
}

function text(html: string): string {
  return html.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
}

test("what fails since the patch stands apart from what failed before", () => {
  const said = text(shown(FAILED, "2 failed, 38 passed"));
  expect(said).toContain("Passed 38 Failed 2 Left out 0 Exit code 1 Without the patch 1 failed Ran in bubblewrap Took 1.2 s");
  expect(said).toContain("Fail since the patch test_new Failed before too test_old Log");
  expect(said).toContain("2 failed, 38 passed");
});

test("names and a log are text, and what is hidden in them is written out", () => {
  const name = "test_[<img src=x onerror=alert(1)>]\u202e";
  const html = shown({ ...FAILED, new_failures: [name] }, "<script>alert(1)</script>\u001b[31mred");
  expect(html).not.toMatch(/<(script|img)\b/i);
  expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;]⟨U+202E⟩");
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;⟨U+001B⟩[31mred");
});

test("skipped tests say why, in the colour of a warning, and show no log", () => {
  const html = shown({ ...NO_TESTS, status: "skipped", policy: "pytest", message: "The tests were not run: there is no sandbox." });
  expect(html).toContain("bg-warn/5");
  expect(html).not.toMatch(/good/);
  expect(text(html)).toBe(" The tests were not run: there is no sandbox. Policy pytest ");
});

test("of more than fifty failures it is said that there are more, old or new", () => {
  const names = Array.from({ length: 50 }, (_, n) => `test_${n}`);
  expect(shown({ ...FAILED, failures: names, new_failures: names, failed: 80 })).toContain("and perhaps more");
  expect(shown({ ...FAILED, failures: names, new_failures: names.slice(0, 1), failed: 80 })).toContain("and more");
  expect(shown({ ...FAILED, failures: names, new_failures: names, failed: 50 })).not.toMatch(/and .*more/);
});
