import { describe, expect, test } from "vitest";
import { merged, neighbour, scaleOf, ticksOf, zoomed } from "./geometry";

const HOUR = 3_600_000;

describe("a timeline's scale", () => {
  test("draws what ran to scale", () => {
    const scale = scaleOf([{ from: 0, to: 1000 }, { from: 1000, to: 4000 }], { from: 0, to: 4000 });
    expect(scale.pieces).toHaveLength(1);
    expect(scale.x(1000)).toBeCloseTo(0.25);
    expect(scale.x(4000)).toBe(1);
  });

  test("folds a night in which a person slept over it, and keeps the rest to scale", () => {
    const scale = scaleOf([{ from: 0, to: 4000 }, { from: 9 * HOUR, to: 9 * HOUR + 4000 }], { from: 0, to: 9 * HOUR + 4000 });
    const [before, night, after] = scale.pieces;
    expect(scale.pieces.map((piece) => piece.folded)).toEqual([false, true, false]);
    expect(night!.x1 - night!.x0).toBeLessThan(0.05);
    expect(before!.x1 - before!.x0).toBeCloseTo(after!.x1 - after!.x0);
    expect(scale.x(4.5 * HOUR)).toBeGreaterThan(night!.x0);
  });

  test("leaves short gaps as they are", () => {
    const scale = scaleOf([{ from: 0, to: 5000 }, { from: 5400, to: 9000 }], { from: 0, to: 9000 });
    expect(scale.pieces.every((piece) => !piece.folded)).toBe(true);
  });

  test("never runs backwards, and ends at 1, whatever the spans", () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 200; round++) {
      const spans = Array.from({ length: 1 + Math.floor(random() * 12) }, () => {
        const from = random() * 100_000;
        return { from, to: from + random() * 5_000 };
      });
      const whole = { from: 0, to: 110_000 };
      const scale = scaleOf(spans, whole);
      expect(scale.pieces[0]!.x0).toBe(0);
      expect(scale.pieces.at(-1)!.x1).toBeCloseTo(1);
      const xs = Array.from({ length: 111 }, (_, index) => scale.x(index * 1000));
      expect(xs.every((x, index) => x >= 0 && x <= 1.000001 && (index === 0 || x >= xs[index - 1]!))).toBe(true);
    }
  });

  test("bears a flow of which nothing has run", () => {
    expect(scaleOf([], { from: 5, to: 5 }).x(5)).toBe(0);
    expect(scaleOf([], { from: 0, to: 60_000 }).x(60_000)).toBe(1);
  });

  test("joins spans that touch and cuts off what lies outside", () => {
    expect(merged([{ from: 5, to: 9 }, { from: -3, to: 2 }, { from: 2, to: 4 }, { from: 50, to: 60 }], { from: 0, to: 20 })).toEqual([
      { from: 0, to: 4 },
      { from: 5, to: 9 },
    ]);
  });
});

test("ticks are round moments outside of folds, none too close to the next", () => {
  const scale = scaleOf([{ from: 0, to: 4000 }, { from: HOUR, to: HOUR + 4000 }], { from: 0, to: HOUR + 4000 });
  const ticks = ticksOf(scale, 0, 8);
  expect(ticks.filter((tick) => tick.ms % 1000 !== 0 || (tick.ms > 4000 && tick.ms < HOUR))).toEqual([]);
  expect(ticks.every((tick, index) => index === 0 || tick.x - ticks[index - 1]!.x > 0.05)).toBe(true);
  expect(ticks.length).toBeGreaterThan(5);
  expect(ticks.length).toBeLessThanOrEqual(12);
});

test("what lies under the pointer stays there when one zooms, and zoom has bounds", () => {
  const after = zoomed(2, 1, 100, 50);
  expect((after.scroll + 50) / after.zoom).toBeCloseTo(150 / 2);
  expect(zoomed(1, -5, 0, 0).zoom).toBe(1);
  expect(zoomed(60, 9, 0, 0).zoom).toBe(64);
});

test("arrow keys go through time, and to the nearest step of the next lane", () => {
  const steps = [
    { n: 1, row: 0, from: 0 },
    { n: 2, row: 1, from: 10 },
    { n: 3, row: 2, from: 20 },
    { n: 4, row: 1, from: 30 },
  ];
  expect(neighbour(steps, 2, "ArrowRight")).toBe(3);
  expect(neighbour(steps, 1, "ArrowLeft")).toBeNull();
  expect(neighbour(steps, 3, "ArrowUp")).toBe(2);
  expect(neighbour(steps, 1, "ArrowDown")).toBe(2);
  expect(neighbour(steps, 1, "End")).toBe(4);
  expect(neighbour(steps, 99, "ArrowRight")).toBe(1);
});
