/** What tests said of a patch, in a tone and few words. */
import { plural } from "@/lib/format";
import type { Outcome } from "./words";

interface Told {
  readonly status: string;
  readonly timed_out: boolean | null;
  /** counts are null where the policy names no report */
  readonly passed: number | null;
  readonly failed: number | null;
  /** at most `NAMED` */
  readonly new_failures: readonly string[] | null;
}

/** As an event tells it, and a step's `detail`. */
export interface Tested extends Told {
  readonly policy: string;
  readonly message: string;
  readonly sandbox: string | null;
  readonly exit_code: number | null;
  readonly duration_ms: number;
  readonly skipped: number | null;
  readonly failures: readonly string[];
  readonly new_failures: readonly string[];
  /** the same tests without the patch; they run only when something fails */
  readonly before: { readonly status: string; readonly failed: number | null } | null;
}

const NAMED = 50;

/** What is not told is empty. */
export const NO_TESTS: Tested = { status: "", policy: "", message: "", sandbox: null, exit_code: null, timed_out: false, duration_ms: 0, passed: null, failed: null, skipped: null, failures: [], new_failures: [], before: null };

/** Tests that were skipped, or fail without the patch too, are no proof: neither good nor bad. */
export function outcomeOfTests({ status, passed, failed, new_failures, timed_out }: Told): readonly [Outcome, string] {
  switch (status) {
    case "passed":
      return ["good", passed === null ? "passed" : `${passed} passed`];
    case "failed":
      if (timed_out) return ["bad", "timed out"];
      if (new_failures?.length) return ["bad", isCut(new_failures, failed) ? `${new_failures.length} or more new failures` : plural(new_failures.length, "new failure")];
      return ["bad", "failed"];
    case "failed_before":
      return ["warn", "failed as before"];
    case "skipped":
      return ["warn", "skipped"];
    default: // of a later version
      return ["plain", status.replaceAll("_", " ") || "done"];
  }
}

/** Are there more failures than these? Where they are the new ones, nobody says whether the others are new too. */
export function isCut(names: readonly string[], failed: number | null): boolean {
  return names.length >= NAMED && failed !== null && failed > names.length;
}
