import { expect, test, vi } from "vitest";
import { colour, onColoured, type Part } from "./highlight";
import type { Line } from "./model";

function part(...texts: readonly unknown[]): Part {
  const lines = texts.map((text) => ({ kind: "context", old: 1, new: 1, text }) as unknown as Line);
  return { lines, colours: null, asked: false };
}

test("lines on which a grammar breaks stay plain, and those that waited behind them are coloured", async () => {
  const told = vi.fn();
  vi.stubGlobal("reportError", told);
  const broken = part({ length: 1, toString: () => { throw new Error("no text"); } });
  const good = part("x = 1");
  const coloured = new Promise<void>((done) => onColoured(() => good.colours && done()));
  colour(good, "python");
  colour(broken, "python"); // the last to come is the first to be coloured
  await coloured;
  expect(broken.colours).toBeNull();
  expect(told).toHaveBeenCalledOnce();
});
