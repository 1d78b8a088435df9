/** Syntax colours as tokens of lines: highlight.js by lowlight, which gives a tree and no HTML. */
import { common, createLowlight } from "lowlight";
import type { Hunk, Line } from "./model";
import type { Token } from "./words";

type Tree = ReturnType<ReturnType<typeof createLowlight>["highlight"]>;
type Node = Tree["children"][number];

const low = createLowlight(common);
/** So many lines are coloured at once, when the first of them comes into sight. */
const CHUNK = 300;
const LONGEST_LINE = 1_000;

const LANGUAGES: Readonly<Record<string, string>> = {
  py: "python", pyi: "python", ts: "typescript", tsx: "typescript", mts: "typescript", js: "javascript", jsx: "javascript", mjs: "javascript", cjs: "javascript",
  json: "json", yaml: "yaml", yml: "yaml", toml: "ini", ini: "ini", cfg: "ini", md: "markdown", html: "xml", xml: "xml", svg: "xml", vue: "xml", css: "css", scss: "scss", less: "less",
  sh: "bash", bash: "bash", zsh: "bash", go: "go", rs: "rust", java: "java", kt: "kotlin", swift: "swift", c: "c", h: "c", cc: "cpp", cpp: "cpp", hpp: "cpp", cs: "csharp",
  rb: "ruby", php: "php", pl: "perl", lua: "lua", r: "r", sql: "sql", graphql: "graphql", mk: "makefile", m: "objectivec", diff: "diff", patch: "diff",
};

export function languageOf(path: string): string | null {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (name === "makefile") return "makefile";
  return LANGUAGES[name.slice(name.lastIndexOf(".") + 1)] ?? null;
}

const known = new WeakMap<Hunk, Map<string, ReadonlyMap<Line, Token[]>>>();

/** The tokens of a line, among those around it in its hunk; plain where its language is not known. */
export function tokensOf(language: string | null, hunk: Hunk, line: Line): readonly Token[] {
  if (language === null) return [{ text: line.text }];
  const side = line.kind === "removed" ? "old" : "new";
  const chunk = Math.floor(hunk.lines.indexOf(line) / CHUNK);
  const chunks = known.get(hunk) ?? new Map<string, ReadonlyMap<Line, Token[]>>();
  known.set(hunk, chunks);
  const name = `${side} ${chunk}`;
  const tokens = chunks.get(name) ?? coloured(language, hunk.lines.slice(chunk * CHUNK, (chunk + 1) * CHUNK).filter((one) => one[side] !== null));
  chunks.set(name, tokens);
  return tokens.get(line) ?? [{ text: line.text }];
}

function coloured(language: string, lines: readonly Line[]): ReadonlyMap<Line, Token[]> {
  if (lines.some((line) => line.text.length > LONGEST_LINE)) return new Map();
  const split = linesOf(low.highlight(language, lines.map((line) => line.text).join("\n")).children);
  return new Map(lines.map((line, index) => [line, split[index] ?? [{ text: line.text }]]));
}

/** The tree's texts, cut at line ends. */
export function linesOf(nodes: readonly Node[]): Token[][] {
  const lines: Token[][] = [[]];
  const walk = (children: readonly Node[], className: string | undefined): void => {
    for (const node of children) {
      if (node.type === "element") walk(node.children as Node[], classOf(node.properties.className) ?? className);
      else if (node.type === "text") {
        node.value.split("\n").forEach((text, index) => {
          if (index > 0) lines.push([]);
          if (text) lines.at(-1)?.push({ text, className });
        });
      }
    }
  };
  walk(nodes, undefined);
  return lines;
}

function classOf(names: unknown): string | undefined {
  return Array.isArray(names) ? names.join(" ") : undefined;
}
