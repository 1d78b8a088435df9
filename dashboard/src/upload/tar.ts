/**
 * Files as a tar.gz, read as they are sent: nothing is held in memory but what the browser holds of the archive.
 *
 * Source: POSIX.1-2001, ustar headers; a pax header before names that do not fit.
 */

export interface Entry {
  /** relative, with `/` */
  readonly path: string;
  readonly content: Blob;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const utf8 = new TextEncoder();

export async function packed(entries: readonly Entry[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  for (const { path, content } of entries) {
    const name = utf8.encode(path);
    if (name.length > NAME_BYTES || name.length !== path.length) {
      const record = paxRecord("path", path);
      parts.push(header("pax-header", record.length, "x"), record, padding(record.length));
    }
    parts.push(header(path, content.size, "0"), content, padding(content.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Response(new Blob(parts).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}

function header(path: string, size: number, type: "0" | "x"): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number, most: number): void => block.set(utf8.encode(text).subarray(0, most), at);
  put(path, 0, NAME_BYTES);
  put("0000644\0" + "0000000\0" + "0000000\0", 100, 24);
  put(`${size.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0`, 124, 24);
  put(" ".repeat(8), 148, 8);
  put(type, 156, 1);
  put("ustar\0" + "00", 257, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}

/** "LENGTH key=value\n", where the length counts its own digits too. */
function paxRecord(key: string, value: string): Uint8Array<ArrayBuffer> {
  const rest = utf8.encode(` ${key}=${value}\n`);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  const digits = utf8.encode(String(length));
  const record = new Uint8Array(length);
  record.set(digits);
  record.set(rest, digits.length);
  return record;
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}
