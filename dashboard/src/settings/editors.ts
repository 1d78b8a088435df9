/** How each editor is pointed at this server: the words are those of its own settings. */

export interface Editor {
  readonly name: string;
  readonly how: string;
  readonly text: string;
  /** nothing to copy as a whole: fields to fill in */
  readonly fields?: readonly (readonly [string, string])[];
}

/** `base` ends without a slash. The key is never filled in: it would end up in screenshots. */
export function editorsFor(base: string): readonly Editor[] {
  const compatible = [["API provider", "OpenAI Compatible"], ["Base URL", `${base}/v1`], ["API key", "cfx_…"], ["Model", "cfx-auto"]] as const;
  const asText = compatible.map(([name, value]) => `${name}: ${value}`).join("\n");
  const modes = "With cfx-auto the editor's mode chooses the stage: Architect and Ask plan, Code and Debug write.";
  return [
    { name: "Roo Code", how: `Settings → Providers. ${modes}`, fields: compatible, text: asText },
    { name: "Zoo Code", how: `Settings → Providers. ${modes}`, fields: compatible, text: asText },
    { name: "Cline", how: "Settings → API configuration. With different models for Plan and Act: cfx-plan and cfx-code.", fields: compatible, text: asText },
    { name: "Kilo", how: `Settings → Providers. ${modes}`, fields: compatible, text: asText },
    {
      name: "aider",
      how: "In a shell. The architect plans, the editor model writes.",
      text: [`export OPENAI_API_BASE=${base}/v1`, "export OPENAI_API_KEY=cfx_…", "aider --architect --model openai/cfx-plan --editor-model openai/cfx-code"].join("\n"),
    },
    {
      name: "curl",
      how: "One stage, from a shell.",
      text: [`curl ${base}/v1/chat/completions \\`, '  -H "Authorization: Bearer $CFX_API_KEY" -H "Content-Type: application/json" \\', `  -d '{"model": "cfx-plan", "messages": [{"role": "user", "content": "Hi"}]}'`].join("\n"),
    },
  ];
}
