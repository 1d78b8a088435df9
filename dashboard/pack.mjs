// Lays a .br and a .gz beside every file of the export that is worth it: the API packs nothing itself.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const WORTH_IT = new Set([".css", ".html", ".js", ".json", ".svg", ".txt", ".wasm", ".webmanifest"]);
const SMALLEST = 1024;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } };

const [folder] = process.argv.slice(2);
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  if (!entry.isFile() || !WORTH_IT.has(extname(path))) continue;
  const body = readFileSync(path);
  if (body.length < SMALLEST) continue;
  writeFileSync(`${path}.br`, brotliCompressSync(body, BROTLI));
  writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
}
