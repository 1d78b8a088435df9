import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { packed } from "./tar";

test("tar itself unpacks what was packed: long names, names in other scripts, and every byte", async () => {
  const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index % 256);
  const long = `${"deep/".repeat(40)}file.txt`;
  const archive = await packed([
    { path: "a.py", content: new Blob(["print(1)\n"]) },
    { path: long, content: new Blob([bytes]) },
    { path: "ä/ö ü.txt", content: new Blob([]) },
  ]);
  const input = Buffer.from(await archive.arrayBuffer());
  const env = { ...process.env, LC_ALL: "C.UTF-8" };
  const names = execFileSync("tar", ["-tzf", "-", "--quoting-style=literal"], { input, env }).toString().trim().split("\n");
  expect(names).toEqual(["a.py", long, "ä/ö ü.txt"]);
  expect(Uint8Array.from(execFileSync("tar", ["-xzOf", "-", long], { input, env }))).toEqual(bytes);
});
