// The OpenAI SDK for JavaScript, its current version.

import OpenAI from "openai";
import { answered, gather, now, pause, play, TOOLS, whole } from "./scenes.mjs";

const STREAMED = { stream: true, stream_options: { include_usage: true } };

const sdk = (orders, options = {}) => new OpenAI({ baseURL: orders.base_url, apiKey: orders.key, ...options });

const create = (orders, marker, model = "cfx-plan", fields = {}, options = {}) =>
  sdk(orders).chat.completions.create({ model, messages: orders.user(marker), ...fields }, options);

async function errorOf(asked) {
  try {
    await asked;
  } catch (error) {
    const { status, code, request_id } = error;
    return { kind: error.constructor.name, status, code, message: error.error?.message, request_id };
  }
  return { kind: "none" };
}

async function toolsStreamed(orders) {
  return gather(await create(orders, "tools", "cfx-code", { tools: TOOLS, parallel_tool_calls: true, ...STREAMED }));
}

await play({
  hello_whole: async (orders) => whole(await create(orders, "hello")),

  hello_streamed: async (orders) => gather(await create(orders, "hello", "cfx-plan", STREAMED)),

  async staged(orders) {
    const headers = { "X-CFX-Stage": "review" };
    const { response } = await create(orders, "staged", "cfx-auto", {}, { headers }).withResponse();
    const names = ["stage", "stage-source", "model-used"];
    return Object.fromEntries(names.map((name) => [name, response.headers.get(`x-cfx-${name}`)]));
  },

  tools_whole: async (orders) => whole(await create(orders, "tools", "cfx-code", { tools: TOOLS })),

  tools_streamed: toolsStreamed,

  async tools_answered(orders) {
    const messages = answered(orders, (await toolsStreamed(orders)).calls);
    return whole(await sdk(orders).chat.completions.create({ model: "cfx-code", messages, tools: TOOLS }));
  },

  // `chat.completions.stream`, which puts the parts together itself and checks their order.
  async helper_streamed(orders) {
    const stream = sdk(orders).chat.completions.stream({
      model: "cfx-code",
      messages: orders.user("tools"),
      tools: TOOLS,
      stream_options: { include_usage: true },
    });
    let done = 0;
    stream.on("tool_calls.function.arguments.done", () => (done += 1));
    const completion = await stream.finalChatCompletion();
    return { ...whole(completion), done };
  },

  thinking_streamed: async (orders) => gather(await create(orders, "thinking", "cfx-plan", STREAMED)),

  async picture(orders) {
    const content = [
      { type: "text", text: orders.ask("picture") },
      { type: "image_url", image_url: { url: orders.image } },
    ];
    const messages = [{ role: "user", content }];
    return whole(await sdk(orders).chat.completions.create({ model: "cfx-plan", messages }));
  },

  async models(orders) {
    const ids = [];
    for await (const model of sdk(orders).models.list()) ids.push(model.id);
    return { ids, one: (await sdk(orders).models.retrieve("cfx-code")).id };
  },

  too_long: (orders) => errorOf(create(orders, "too long")),

  bad_request: (orders) => errorOf(create(orders, "bad request", "cfx-plan", STREAMED)),

  unknown_model: (orders) => errorOf(create(orders, "unknown", "gpt-17")),

  wrong_key: (orders) =>
    errorOf(
      sdk(orders, { apiKey: "sk-wrong" }).chat.completions.create({
        model: "cfx-plan",
        messages: orders.user("wrong key"),
      }),
    ),

  spent: (orders) =>
    errorOf(
      sdk(orders, { apiKey: orders.spent_key }).chat.completions.create({
        model: "cfx-plan",
        messages: orders.user("spent"),
        stream: true,
      }),
    ),

  async limited(orders) {
    const started = now();
    return { ...whole(await create(orders, "limited", orders.fragile_model)), waited: now() - started };
  },

  // What the SDK sends again by itself is not counted again.
  async flaky(orders) {
    const first = await create(orders, "hello").withResponse();
    const answer = await create(orders, "flaky", orders.fragile_model).withResponse();
    const [before, after] = [first, answer].map((one) =>
      Number(one.response.headers.get("x-ratelimit-remaining")),
    );
    return { ...whole(answer.data), counted: before - after };
  },

  async torn(orders) {
    let text = "";
    try {
      for await (const chunk of await create(orders, "torn", "cfx-plan", { stream: true })) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
    } catch (error) {
      return { text, message: error.message, code: error.code };
    }
    return { text, message: null };
  },

  // As often as one user may stream at a time, and then once more. To break off the loop closes the stream.
  async left_mid_stream(orders) {
    const texts = [];
    for (let turn = 0; turn < 3; turn += 1) {
      await pause(turn === 2 ? 0.5 : 0); // in which the server notices it
      for await (const chunk of await create(orders, "slow", "cfx-plan", { stream: true })) {
        const text = chunk.choices[0]?.delta.content;
        if (text) {
          texts.push(text);
          break;
        }
      }
    }
    return { texts, at: now() };
  },

  async left_before_the_first_byte(orders) {
    const signal = AbortSignal.timeout(1000);
    const error = await errorOf(create(orders, "silent", "cfx-plan", { stream: true }, { signal }));
    return { kind: error.kind, at: now() };
  },

  down: (orders) =>
    errorOf(
      sdk(orders, { maxRetries: 1 }).chat.completions.create({
        model: orders.fragile_model,
        messages: orders.user("down"),
      }),
    ),
});
