/** What was chosen or dropped, as files with paths below the folder that they came from. */
import type { Entry } from "./tar";

/** Folders that are made, not written: they would only be in the way. */
const LEFT_OUT = new Set([".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".next", ".idea", ".DS_Store"]);
const LARGEST_BYTES = 4 * 1024 * 1024;

export interface Chosen {
  readonly entries: readonly Entry[];
  readonly bytes: number;
  /** what was left out, and why */
  readonly left: readonly string[];
}

export function chosenFrom(files: readonly { path: string; file: File }[]): Chosen {
  const entries: Entry[] = [];
  const left = new Map<string, number>();
  const leave = (why: string): void => void left.set(why, (left.get(why) ?? 0) + 1);
  const root = commonRoot(files.map(({ path }) => path));
  for (const { path, file } of files) {
    const made = path.split("/").find((part) => LEFT_OUT.has(part));
    if (made) leave(made);
    else if (file.size > LARGEST_BYTES) leave("larger than 4 MB");
    else entries.push({ path: path.slice(root.length), content: file });
  }
  const bytes = entries.reduce((sum, { content }) => sum + content.size, 0);
  return { entries, bytes, left: [...left].map(([why, amount]) => `${why} (${amount})`) };
}

/** "shop/" where every path is below one folder; a folder that was chosen is itself not part of the tree. */
export function commonRoot(paths: readonly string[]): string {
  const first = paths[0]?.split("/") ?? [];
  if (first.length < 2) return "";
  const root = `${first[0]}/`;
  return paths.every((path) => path.startsWith(root)) ? root : "";
}

export function ofInput(list: FileList): { path: string; file: File }[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Folders that are dropped are walked; made ones are not entered. */
export async function ofDrop(transfer: DataTransfer): Promise<{ path: string; file: File }[]> {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const found: { path: string; file: File }[] = [];
  for (const root of roots) await walk(root, "", found);
  return found;
}

async function walk(entry: FileSystemEntry, above: string, found: { path: string; file: File }[]): Promise<void> {
  const path = above + entry.name;
  if (entry.isFile) {
    found.push({ path, file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)) });
  } else if (entry.isDirectory && !LEFT_OUT.has(entry.name)) {
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const child of some) await walk(child, `${path}/`, found);
    }
  }
}
