import { expect, test, vi } from "vitest";
import { isReachable, noteReached } from "./reachable";

test("a question that hangs is given up, and asked again until the server answers", async () => {
  vi.useFakeTimers();
  const asked = vi.fn((_: string, { signal }: { signal: AbortSignal }) => {
    if (asked.mock.calls.length > 1) return Promise.resolve({ ok: true });
    return new Promise((_, give_up) => signal.addEventListener("abort", () => give_up(signal.reason)));
  });
  vi.stubGlobal("fetch", asked);
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const control = new AbortController();
    setTimeout(() => control.abort(), ms);
    return control.signal;
  });
  noteReached(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(isReachable()).toBe(false);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked).toHaveBeenCalledTimes(2);
  expect(isReachable()).toBe(true);
});
