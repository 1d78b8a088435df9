// What every JavaScript client program does: read its orders, play its scenes, print what it saw.

export const TOOLS = [
  {
    type: "function",
    function: {
      name: "read_file",
      description: "Reads one file.",
      strict: true,
      parameters: {
        type: "object",
        properties: { path: { type: "string" } },
        required: ["path"],
        additionalProperties: false,
      },
    },
  },
];

export const now = () => Date.now() / 1000;
export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export class Orders {
  constructor(given) {
    Object.assign(this, given);
  }

  // What the user says; the provider's script and the test know it by its marker.
  ask(marker) {
    return `[${marker}] ${this.client}`;
  }

  user(marker) {
    return [{ role: "user", content: this.ask(marker) }];
  }
}

export async function play(scenes) {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const orders = new Orders(JSON.parse(Buffer.concat(pieces).toString()));
  const seen = {};
  for (const [name, scene] of Object.entries(scenes)) {
    const started = now();
    try {
      seen[name] = await scene(orders);
    } catch (error) {
      seen[name] = { broke: String(error?.stack ?? error).slice(-3000) };
    }
    seen[name].seconds = Math.round((now() - started) * 100) / 100;
  }
  console.log(JSON.stringify(seen));
}

// Tokens, with those from the cache both where SDKs and where editors look for them.
export function usageOf(usage) {
  if (!usage) return null;
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? null,
    cached_at_top: usage.cache_read_input_tokens ?? null,
  };
}

export async function gather(stream) {
  const seen = { text: "", thought: "", pieces: 0, finish: null, usage: null };
  const calls = new Map();
  for await (const chunk of stream) {
    seen.usage = usageOf(chunk.usage) ?? seen.usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    seen.finish = choice.finish_reason ?? seen.finish;
    if (choice.delta.content) seen.pieces += 1;
    seen.text += choice.delta.content ?? "";
    seen.thought += choice.delta.reasoning_content ?? "";
    for (const part of choice.delta.tool_calls ?? []) {
      if (!calls.has(part.index)) calls.set(part.index, { id: part.id ?? null, name: "", arguments: "" });
      const call = calls.get(part.index);
      call.name += part.function?.name ?? "";
      call.arguments += part.function?.arguments ?? "";
    }
  }
  return { ...seen, calls: [...calls.values()] };
}

export function whole(completion) {
  const { message, finish_reason } = completion.choices[0];
  return {
    text: message.content,
    thought: message.reasoning_content ?? "",
    finish: finish_reason,
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }) => ({
      id,
      name,
      arguments: given,
    })),
    usage: usageOf(completion.usage),
  };
}

// The conversation after the tool calls: each is answered under its id.
export function answered(orders, calls) {
  return [
    ...orders.user("tools"),
    {
      role: "assistant",
      content: "",
      tool_calls: calls.map(({ id, name, arguments: given }) => ({
        id,
        type: "function",
        function: { name, arguments: given },
      })),
    },
    ...calls.map(({ id }) => ({
      role: "tool",
      tool_call_id: id,
      content: `contents ${orders.ask("answered")}`,
    })),
  ];
}
