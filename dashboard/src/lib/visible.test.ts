import { expect, test } from "vitest";
import { visible } from "./visible";

test.each([
  ["right to left\u202e, isolated\u2066 and back\u2069", "right to left⟨U+202E⟩, isolated⟨U+2066⟩ and back⟨U+2069⟩"],
  ["zero\u200bwidth, mark\ufeff, escape\u001b[31m", "zero⟨U+200B⟩width, mark⟨U+FEFF⟩, escape⟨U+001B⟩[31m"],
  ["a tag \u{e0041}", "a tag ⟨U+E0041⟩"],
  ["# a remark\rimport evil\r", "# a remark⟨U+000D⟩import evil\r"],
  ["// a remark\u2028evil(); const \u3164 = 1", "// a remark⟨U+2028⟩evil(); const ⟨U+3164⟩ = 1"],
])("what is hidden in %j is written out", (text, shown) => expect(visible(text)).toBe(shown));

test.each(["tabs\tand\nlines", "lines of\r\nWindows\r", "שלום, नमस्ते", "👩‍👩‍👧 family", "naïve café"])("%j is as it was", (text) => expect(visible(text)).toBe(text));
