// openai 5.12.2, which Roo Code pins, with the requests that Roo Code 3 sends and read the way it reads replies.
//
// Source: Roo Code's src/api/providers/{openai,lite-llm,base-provider,constants}.ts, transform/openai-format.ts,
// fetchers/litellm.ts and core/environment/getEnvironmentDetails.ts.

import OpenAI from "openai-of-roo";
import { now, pause, play, TOOLS } from "./scenes.mjs";

const HEADERS = {
  "HTTP-Referer": "https://github.com/RooVetGit/Roo-Cline",
  "X-Title": "Roo Code",
  "User-Agent": "RooCode/3.53.0",
};
const SYSTEM = "You are Roo, a knowledgeable technical assistant.\n\n====\n\nTOOL USE\n\nUse native tools.";
const environment = (mode) =>
  `<environment_details>\n# VSCode Visible Files\nsrc/a.py\n\n# Current Time\nCurrent time in ISO 8601 UTC format: ` +
  `2026-01-02T03:04:05.678Z\n\n# Current Cost\n$0.00\n\n# Current Mode\n<slug>${mode}</slug>\n<name>Mode</name>\n` +
  `<model>cfx-auto</model>\n\n====\n\nREMINDERS\n\nYou have not created a todo list yet.\n</environment_details>`;
const CACHED = { cache_control: { type: "ephemeral" } };

const sdk = (orders, options = {}) =>
  new OpenAI({
    baseURL: orders.base_url,
    apiKey: orders.key,
    defaultHeaders: HEADERS,
    timeout: 600_000,
    ...options,
  });

// The user's words as Roo sends them: parts, the environment last, both last user turns marked for the cache.
function turn(orders, marker, mode) {
  return {
    role: "user",
    content: [
      { type: "text", text: `<user_message>\n${orders.ask(marker)}\n</user_message>` },
      { type: "text", text: environment(mode), ...CACHED },
    ],
  };
}

const system = { role: "system", content: [{ type: "text", text: SYSTEM, ...CACHED }] };

function body(orders, marker, mode = "architect", { messages, model = "cfx-auto" } = {}) {
  return {
    model,
    temperature: 0,
    messages: [system, ...(messages ?? [turn(orders, marker, mode)])],
    stream: true,
    stream_options: { include_usage: true },
    tools: TOOLS,
    tool_choice: undefined,
    parallel_tool_calls: true,
    max_completion_tokens: -1,
  };
}

// Roo's reading of a stream: a tool call is there once it had an id and the finish reason is `tool_calls`.
async function read(stream) {
  const seen = { text: "", thought: "", pieces: 0, finish: null, usage: null };
  const calls = new Map();
  const active = new Set();
  const ended = [];
  for await (const chunk of stream) {
    const delta = chunk.choices?.[0]?.delta ?? {};
    const finish = chunk.choices?.[0]?.finish_reason;
    if (delta.content) {
      seen.text += delta.content;
      seen.pieces += 1;
    }
    if ("reasoning_content" in delta && delta.reasoning_content) seen.thought += delta.reasoning_content;
    for (const part of delta.tool_calls ?? []) {
      if (part.id) active.add(part.id);
      const call = calls.get(part.index) ?? { id: part.id, name: "", arguments: "" };
      call.name += part.function?.name ?? "";
      call.arguments += part.function?.arguments ?? "";
      calls.set(part.index, call);
    }
    if (finish === "tool_calls") ended.push(...active);
    seen.finish = finish ?? seen.finish;
    if (chunk.usage) {
      seen.usage = {
        input: chunk.usage.prompt_tokens || 0,
        output: chunk.usage.completion_tokens || 0,
        cached: chunk.usage.prompt_tokens_details?.cached_tokens,
        cached_at_top: chunk.usage.cache_read_input_tokens || undefined,
      };
    }
  }
  return { ...seen, calls: [...calls.values()].filter(({ id }) => ended.includes(id)) };
}

const ask = async (orders, ...given) => read(await sdk(orders).chat.completions.create(body(orders, ...given)));

async function errorOf(asked) {
  try {
    await asked;
  } catch (error) {
    const { status, code, request_id } = error;
    return { kind: error.constructor.name, status, code, message: error.error?.message, request_id };
  }
  return { kind: "none" };
}

const toolsStreamed = (orders) => ask(orders, "tools", "code");

await play({
  // "Enhance prompt", and every other helper call: one user message, nothing else.
  async hello_whole(orders) {
    const completion = await sdk(orders).chat.completions.create({
      model: "cfx-auto",
      messages: orders.user("hello"),
      max_completion_tokens: -1,
    });
    const { prompt_tokens: input, completion_tokens: output, ...rest } = completion.usage;
    const cached = rest.prompt_tokens_details.cached_tokens;
    const usage = { input, output, cached, cached_at_top: rest.cache_read_input_tokens };
    const { message, finish_reason: finish } = completion.choices[0];
    return { text: message.content, finish, usage, model: completion.model };
  },

  hello_streamed: (orders) => ask(orders, "hello"),

  async staged(orders) {
    const client = sdk(orders, { defaultHeaders: { ...HEADERS, "X-CFX-Stage": "review" } });
    const asked = client.chat.completions.create(body(orders, "staged", "code"));
    const { data, response } = await asked.withResponse();
    await read(data);
    const names = ["stage", "stage-source", "model-used"];
    return Object.fromEntries(names.map((name) => [name, response.headers.get(`x-cfx-${name}`)]));
  },

  async modes(orders) {
    const stages = {};
    for (const mode of ["architect", "ask", "orchestrator", "code", "debug", "my-own-mode"]) {
      const asked = sdk(orders).chat.completions.create(body(orders, "hello", mode));
      const { data, response } = await asked.withResponse();
      await read(data);
      stages[mode] = [response.headers.get("x-cfx-stage"), response.headers.get("x-cfx-stage-source")];
    }
    return stages;
  },

  async tools_whole(orders) {
    const { stream, stream_options, temperature, ...rest } = body(orders, "tools", "code");
    const { choices } = await sdk(orders).chat.completions.create(rest);
    const calls = choices[0].message.tool_calls
      .filter(({ type }) => type === "function")
      .map(({ id, function: { name, arguments: given } }) => ({ id, name, arguments: given }));
    return { calls, finish: choices[0].finish_reason };
  },

  tools_streamed: toolsStreamed,

  // The turn after: results under their ids, then the environment as a user message of its own.
  async tools_answered(orders) {
    const { calls } = await toolsStreamed(orders);
    const messages = [
      turn(orders, "tools", "code"),
      {
        role: "assistant",
        content: "",
        tool_calls: calls.map(({ id, name, arguments: given }) => ({
          id,
          type: "function",
          function: { name, arguments: given },
        })),
      },
      ...calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "(empty)" })),
      turn(orders, "answered", "code"),
    ];
    return ask(orders, "answered", "code", { messages });
  },

  thinking_streamed: (orders) => ask(orders, "thinking"),

  async picture(orders) {
    const message = turn(orders, "picture", "architect");
    message.content.splice(1, 0, { type: "image_url", image_url: { url: orders.image } });
    return ask(orders, "picture", "architect", { messages: [message] });
  },

  // `${baseUrl}/models`, also where people end the base URL with a slash; windows and prices as from LiteLLM.
  async models(orders) {
    const headers = { ...HEADERS, Authorization: `Bearer ${orders.key}` };
    const get = async (path) => (await fetch(`${orders.base_url}${path}`, { headers })).json();
    const listed = async (path) => (await get(path)).data.map(({ id }) => id);
    const infos = await get("/model/info");
    const usable = infos.data.filter((row) => row.model_name && row.model_info && row.litellm_params?.model);
    const code = usable.find((row) => row.model_name === "cfx-code").model_info;
    return {
      ids: await listed("/models"),
      with_two_slashes: await listed("//models"),
      told: usable.map((row) => row.model_name),
      window: code.max_input_tokens,
      price: code.input_cost_per_token * 1_000_000,
    };
  },

  too_long: (orders) => errorOf(ask(orders, "too long")),

  bad_request: (orders) => errorOf(ask(orders, "bad request")),

  unknown_model: (orders) => errorOf(ask(orders, "unknown", "code", { model: "gpt-17" })),

  wrong_key: (orders) =>
    errorOf(sdk(orders, { apiKey: "sk-wrong" }).chat.completions.create(body(orders, "wrong key"))),

  spent: (orders) =>
    errorOf(sdk(orders, { apiKey: orders.spent_key }).chat.completions.create(body(orders, "spent"))),

  async limited(orders) {
    const started = now();
    const seen = await ask(orders, "limited", "code", { model: orders.fragile_model });
    return { ...seen, waited: now() - started };
  },

  flaky: (orders) => ask(orders, "flaky", "code", { model: orders.fragile_model }),

  async torn(orders) {
    let text = "";
    try {
      for await (const chunk of await sdk(orders).chat.completions.create(body(orders, "torn"))) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
    } catch (error) {
      return { text, message: error.message, code: error.code };
    }
    return { text, message: null };
  },

  // As often as one user may stream at a time, and then once more.
  async left_mid_stream(orders) {
    const texts = [];
    for (let turns = 0; turns < 3; turns += 1) {
      await pause(turns === 2 ? 0.5 : 0); // in which the server notices it
      for await (const chunk of await sdk(orders).chat.completions.create(body(orders, "slow"))) {
        const text = chunk.choices[0]?.delta.content;
        if (text) {
          texts.push(text);
          break;
        }
      }
    }
    return { texts, at: now() };
  },

  // Roo's "Stop" may leave the request open; the person's next words then go on with the same conversation.
  async left_open(orders) {
    const open = await sdk(orders).chat.completions.create(body(orders, "left open"));
    const chunks = open[Symbol.asyncIterator]();
    while (!(await chunks.next()).value.choices[0]?.delta.content);
    const messages = [
      turn(orders, "left open", "architect"),
      { role: "assistant", content: "word [Response interrupted by user]" },
      turn(orders, "hello", "architect"),
    ];
    const { text } = await ask(orders, "hello", "architect", { messages });
    try {
      while (!(await chunks.next()).done);
    } catch (error) {
      return { text, ended: error.message, at: now() };
    }
    return { text, ended: null, at: now() };
  },

  async left_before_the_first_byte(orders) {
    const signal = AbortSignal.timeout(1000);
    const error = await errorOf(sdk(orders).chat.completions.create(body(orders, "silent"), { signal }));
    return { kind: error.kind, at: now() };
  },

  down: (orders) =>
    errorOf(
      sdk(orders, { maxRetries: 1 }).chat.completions.create(
        body(orders, "down", "code", { model: orders.fragile_model }),
      ),
    ),
});
