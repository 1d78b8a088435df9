import { describe, expect, test, vi } from "vitest";
import { ApiError } from "./client";
import { followChanges, followEvents } from "./events";
import { type Link, waitMs } from "./stream";
import type { FlowEvent } from "./types";

const frame = (seq: number, type = "step.progressed"): string => `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ seq, type })}\n\n`;

function answer(...pieces: string[]): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

async function followed(answers: (Response | Error)[], after = 0) {
  const seqs: number[] = [];
  const links: Link[] = [];
  const asked: (string | undefined)[] = [];
  await followEvents(
    "one",
    after,
    { events: (events: FlowEvent[]) => seqs.push(...events.map((event) => event.seq)), link: (link) => links.push(link) },
    new AbortController().signal,
    async (_url, init) => {
      asked.push((init.headers as Record<string, string>)["last-event-id"]);
      const next = answers.shift();
      if (next === undefined) throw new Error("asked once too often");
      if (next instanceof Error) throw next;
      return next;
    },
  );
  return { seqs, links, asked };
}

describe("a flow's events", () => {
  test("arrive whole when a frame is torn in two, and comments are none", async () => {
    const text = `: hello\n\n${frame(1)}${frame(2, "flow.completed")}`;
    const { seqs, links } = await followed([answer(text.slice(0, 30), text.slice(30))]);
    expect(seqs).toEqual([1, 2]);
    expect(links).toEqual(["live", "ended"]);
  });

  test("go on after a break from the last one, and none comes twice", async () => {
    const { seqs, asked } = await followed([answer(frame(1), frame(2)), answer(frame(2), frame(3, "flow.completed"))]);
    expect(seqs).toEqual([1, 2, 3]);
    expect(asked).toEqual([undefined, "2"]);
  });

  test("go on after the server asked to come back, which is no event", async () => {
    const { seqs } = await followed([answer(frame(1), 'event: stream.reconnect\ndata: {"type":"stream.reconnect"}\n\n'), answer(frame(2, "flow.completed"))]);
    expect(seqs).toEqual([1, 2]);
  });

  test("go on where the flow was resumed after its end, also when the stream is broken then", async () => {
    const { seqs } = await followed([answer(frame(1, "flow.completed"), frame(2, "flow.resumed"), frame(3)), answer(frame(4, "flow.completed"))]);
    expect(seqs).toEqual([1, 2, 3, 4]);
  });

  test("end where nothing is left to come", async () => {
    const { links } = await followed([new Response(null, { status: 204 })], 7);
    expect(links).toEqual(["ended"]);
  });

  test("are asked for again while the server fails, and not where it refuses", async () => {
    const away = await followed([new ApiError(503, "away"), answer(frame(1, "flow.completed"))]);
    expect(away.links).toEqual(["broken", "live", "ended"]);
    const refused = await followed([new ApiError(404, "no such flow")]);
    expect(refused.links).toEqual(["ended"]);
  });

  test("are asked for again where nothing is heard for long, be it before the answer or in the middle of it", async () => {
    vi.useFakeTimers();
    const links: Link[] = [];
    const heard: number[] = [];
    let asked = 0;
    const silent = (signal: AbortSignal, text: string): Response =>
      new Response(new ReadableStream({ start: (body) => (body.enqueue(new TextEncoder().encode(text)), signal.addEventListener("abort", () => body.error(signal.reason))) }));
    const following = followEvents(
      "one",
      0,
      { events: (events) => heard.push(...events.map((event) => event.seq)), link: (link) => links.push(link) },
      new AbortController().signal,
      async (_url, { signal }) => {
        asked += 1;
        if (asked === 1) return new Promise((_, refuse) => signal!.addEventListener("abort", () => refuse(signal!.reason)));
        return asked === 2 ? silent(signal!, frame(1)) : answer(frame(2, "flow.completed"));
      },
    );
    await vi.advanceTimersByTimeAsync(120_000);
    vi.useRealTimers();
    await following;
    expect(links).toEqual(["broken", "live", "broken", "live", "ended"]);
    expect(heard).toEqual([1, 2]);
  });

  test("are waited for longer each time, up to a bound", () => {
    expect([0, 1, 2, 20].map((failures) => waitMs(failures, () => 1))).toEqual([500, 1000, 2000, 15_000]);
  });
});

describe("the flows of a list", () => {
  const changed = (place: number, id: string, status = "in_progress"): string => `id: ${place}\nevent: flow.changed\ndata: ${JSON.stringify({ seq: place, type: "flow.changed", data: { id, status } })}\n\n`;

  test("are told as they are, also twice, and go on from the last moment until one leaves", async () => {
    const leaving = new AbortController();
    const told: string[] = [];
    const asked: (string | undefined)[] = [];
    const answers = [answer(changed(100, "a") + changed(100, "b")), answer(changed(100, "b"), changed(160, "a", "approved"))];
    await followChanges(
      0,
      {
        flows: (flows, place) => {
          told.push(...flows.map((flow) => `${place} ${flow.id} ${flow.status}`));
          if (place === 160) leaving.abort();
        },
        link: () => undefined,
      },
      leaving.signal,
      async (_url, init) => (asked.push((init.headers as Record<string, string>)["last-event-id"]), answers.shift()!),
    );
    expect(told).toEqual(["100 a in_progress", "100 b in_progress", "100 b in_progress", "160 a approved"]);
    expect(asked).toEqual([undefined, "100"]);
  });
});
