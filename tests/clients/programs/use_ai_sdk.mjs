// The AI SDK with its OpenAI-compatible provider, set up and called as Cline does.
//
// Source: Cline's sdk/packages/llms/src/providers/{ai-sdk,vendors/openai-compatible}.ts.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, RetryError, streamText, tool } from "ai";
import { now, pause, play, TOOLS } from "./scenes.mjs";

const [{ function: readFile }] = TOOLS;
const tools = {
  read_file: tool({ description: readFile.description, inputSchema: jsonSchema(readFile.parameters) }),
};
const SYSTEM = "You are Cline, a highly skilled software engineer.";

function request(orders, marker, { model = "cfx-plan", key = orders.key, headers, ...rest } = {}) {
  const provider = createOpenAICompatible({
    name: "cfx-flow",
    baseURL: orders.base_url,
    apiKey: key,
    headers,
    includeUsage: true,
  });
  return {
    model: provider(model),
    system: SYSTEM,
    messages: orders.user(marker),
    temperature: 0,
    maxRetries: 0,
    ...rest,
  };
}

const usageOf = (usage) => ({
  input: usage.inputTokens,
  output: usage.outputTokens,
  cached: usage.inputTokenDetails.cacheReadTokens,
});
const callOf = ({ toolCallId, toolName, input }) => ({
  id: toolCallId,
  name: toolName,
  arguments: JSON.stringify(input),
});

async function whole(orders, marker, options) {
  const result = await generateText(request(orders, marker, options));
  return {
    text: result.text,
    thought: result.reasoningText ?? "",
    finish: result.finishReason,
    calls: result.toolCalls.map(callOf),
    usage: usageOf(result.usage),
  };
}

async function streamed(orders, marker, options) {
  const seen = { text: "", thought: "", pieces: 0, finish: null, calls: [], usage: null };
  const { fullStream } = streamText({ ...request(orders, marker, options), onError: () => {} });
  for await (const part of fullStream) {
    if (part.type === "text-delta") {
      seen.text += part.text;
      seen.pieces += 1;
    }
    if (part.type === "reasoning-delta") seen.thought += part.text;
    if (part.type === "tool-call") seen.calls.push(callOf(part));
    if (part.type === "error") seen.error = part.error;
    if (part.type === "finish") {
      seen.finish = part.finishReason;
      seen.usage = usageOf(part.totalUsage);
    }
  }
  return seen;
}

// Of the last try, where there were several.
function told(error) {
  const last = RetryError.isInstance(error) ? error.lastError : error;
  const { statusCode: status, message, data, responseHeaders } = last;
  return { status, message, code: data?.error?.code, request_id: responseHeaders?.["x-request-id"] };
}

async function errorOf(asked) {
  try {
    const seen = await asked;
    return seen.error ? told(seen.error) : {};
  } catch (error) {
    return told(error);
  }
}

await play({
  hello_whole: (orders) => whole(orders, "hello"),

  hello_streamed: (orders) => streamed(orders, "hello"),

  async staged(orders) {
    await whole(orders, "staged", { model: "cfx-auto", headers: { "X-CFX-Stage": "review" } });
    return {};
  },

  tools_whole: (orders) => whole(orders, "tools", { model: "cfx-code", tools }),

  tools_streamed: (orders) => streamed(orders, "tools", { model: "cfx-code", tools }),

  async tools_answered(orders) {
    const { calls } = await streamed(orders, "tools", { model: "cfx-code", tools });
    const output = { type: "text", value: `contents ${orders.ask("answered")}` };
    const asked = calls.map(({ id, name, arguments: given }) => ({
      type: "tool-call",
      toolCallId: id,
      toolName: name,
      input: JSON.parse(given),
    }));
    const results = calls.map(({ id, name }) => ({
      type: "tool-result",
      toolCallId: id,
      toolName: name,
      output,
    }));
    const messages = [
      ...orders.user("tools"),
      { role: "assistant", content: asked },
      { role: "tool", content: results },
    ];
    return whole(orders, "answered", { model: "cfx-code", tools, messages });
  },

  thinking_streamed: (orders) => streamed(orders, "thinking"),

  picture(orders) {
    const content = [
      { type: "text", text: orders.ask("picture") },
      { type: "image", image: orders.image },
    ];
    return whole(orders, "picture", { messages: [{ role: "user", content }] });
  },

  too_long: (orders) => errorOf(whole(orders, "too long")),

  bad_request: (orders) => errorOf(streamed(orders, "bad request")),

  unknown_model: (orders) => errorOf(whole(orders, "unknown", { model: "gpt-17" })),

  wrong_key: (orders) => errorOf(whole(orders, "wrong key", { key: "sk-wrong" })),

  spent: (orders) => errorOf(streamed(orders, "spent", { key: orders.spent_key, maxRetries: 1 })),

  async limited(orders) {
    const started = now();
    const seen = await whole(orders, "limited", { model: orders.fragile_model, maxRetries: 1 });
    return { ...seen, waited: now() - started };
  },

  flaky: (orders) => whole(orders, "flaky", { model: orders.fragile_model, maxRetries: 1 }),

  async torn(orders) {
    const seen = await streamed(orders, "torn");
    return { text: seen.text, message: seen.error?.message ?? seen.error ?? null };
  },

  // As often as one user may stream at a time, and then once more.
  async left_mid_stream(orders) {
    const texts = [];
    for (let turn = 0; turn < 3; turn += 1) {
      await pause(turn === 2 ? 0.5 : 0); // in which the server notices it
      const stop = new AbortController();
      const asked = request(orders, "slow", { abortSignal: stop.signal });
      for await (const text of streamText({ ...asked, onError: () => {} }).textStream) {
        texts.push(text);
        stop.abort();
        break;
      }
    }
    return { texts, at: now() };
  },

  async left_before_the_first_byte(orders) {
    await streamed(orders, "silent", { abortSignal: AbortSignal.timeout(1000) });
    return { at: now() };
  },

  down: (orders) => errorOf(whole(orders, "down", { model: orders.fragile_model })),
});
