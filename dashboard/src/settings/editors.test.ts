import { expect, test } from "vitest";
import { editorsFor } from "./editors";

test("every editor is told this server's address, and no key", () => {
  for (const editor of editorsFor("https://cfx.example.com")) {
    expect(editor.text).toContain("https://cfx.example.com/v1");
    expect(editor.text).not.toMatch(/cfx_[0-9A-Za-z]/);
  }
});
