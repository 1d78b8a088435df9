/**
 * Syntax colours as tokens of lines: highlight.js by lowlight, which gives a tree and no HTML. A grammar is loaded when a
 * file needs it, and lines are coloured a few at a time while the browser is idle, those that came into sight last first.
 */
import type { LanguageFn } from "highlight.js";
import { createLowlight } from "lowlight";
import type { Hunk, Line } from "./model";
import type { Token } from "./words";

type Tree = ReturnType<ReturnType<typeof createLowlight>["highlight"]>;
type Node = Tree["children"][number];

const low = createLowlight();
/** Lines that are coloured at once, among which a text over several lines is known as such. */
const CHUNK = 100;
const LONGEST_LINE = 1_000;
/** A browser that is never idle colours all the same. */
const AT_LATEST_MS = 250;
const ENOUGH_MS = 4;

const GRAMMARS: Readonly<Record<string, () => Promise<{ default: LanguageFn }>>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  go: () => import("highlight.js/lib/languages/go"),
  graphql: () => import("highlight.js/lib/languages/graphql"),
  ini: () => import("highlight.js/lib/languages/ini"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  kotlin: () => import("highlight.js/lib/languages/kotlin"),
  less: () => import("highlight.js/lib/languages/less"),
  lua: () => import("highlight.js/lib/languages/lua"),
  makefile: () => import("highlight.js/lib/languages/makefile"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  objectivec: () => import("highlight.js/lib/languages/objectivec"),
  perl: () => import("highlight.js/lib/languages/perl"),
  php: () => import("highlight.js/lib/languages/php"),
  python: () => import("highlight.js/lib/languages/python"),
  r: () => import("highlight.js/lib/languages/r"),
  ruby: () => import("highlight.js/lib/languages/ruby"),
  rust: () => import("highlight.js/lib/languages/rust"),
  scss: () => import("highlight.js/lib/languages/scss"),
  sql: () => import("highlight.js/lib/languages/sql"),
  swift: () => import("highlight.js/lib/languages/swift"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

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

/** Neighbours in a hunk, as they stand on one side; coloured together. */
export interface Part {
  readonly lines: readonly Line[];
  colours: ReadonlyMap<Line, readonly Token[]> | null;
  asked: boolean;
}

const parts = new WeakMap<Line, Part>();
const waiting: { part: Part; language: string }[] = [];
const listeners = new Set<() => void>();
let planned = false;

/** Always the same for a line. */
export function partOf(hunk: Hunk, line: Line): Part {
  if (!parts.has(line)) divide(hunk);
  return parts.get(line)!;
}

function divide(hunk: Hunk): void {
  for (let first = 0; first < hunk.lines.length; first += CHUNK) {
    const lines = hunk.lines.slice(first, first + CHUNK);
    for (const side of ["old", "new"] as const) {
      const part: Part = { lines: lines.filter((line) => line[side] !== null), colours: null, asked: false };
      for (const line of part.lines) if (side === "new" || line.kind === "removed") parts.set(line, part);
    }
  }
}

export function onColoured(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Soon `part.colours` are there, and listeners are told; without its grammar the lines stay plain. */
export function colour(part: Part, language: string): void {
  if (part.asked) return;
  part.asked = true;
  if (part.lines.some((line) => line.text.length > LONGEST_LINE)) return;
  const begin = (): void => {
    waiting.push({ part, language });
    plan();
  };
  if (low.registered(language)) return begin();
  void GRAMMARS[language]?.().then(
    (grammar) => {
      low.register(language, grammar.default);
      begin();
    },
    () => (part.asked = false), // the server was away: asked again when the lines come into sight again
  );
}

function plan(): void {
  if (planned) return;
  planned = true;
  if (typeof requestIdleCallback === "function") requestIdleCallback(work, { timeout: AT_LATEST_MS });
  else setTimeout(() => work({ timeRemaining: () => 2 * ENOUGH_MS }));
}

function work(idle: Pick<IdleDeadline, "timeRemaining">): void {
  planned = false;
  do {
    const next = waiting.pop();
    if (next) attempt(next.part, next.language);
  } while (waiting.length > 0 && idle.timeRemaining() > ENOUGH_MS);
  for (const listener of listeners) listener();
  if (waiting.length > 0) plan();
}

/** Lines on which a grammar breaks stay plain, and those behind them have their turn. */
function attempt(part: Part, language: string): void {
  try {
    part.colours = coloured(language, part.lines);
  } catch (error) {
    reportError(error);
  }
}

export function coloured(language: string, lines: readonly Line[]): ReadonlyMap<Line, readonly Token[]> {
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
