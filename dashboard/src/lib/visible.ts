/**
 * Characters that change how others are shown, or are not shown themselves; among them line ends of programs that are none
 * on the page. **Source**: CVE-2021-42574, "Trojan Source".
 */
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|\r(?!\n|$)/gu;
const HAS_HIDDEN = new RegExp(HIDDEN.source, "u");

/** With what is hidden written out, as ⟨U+202E⟩: what is read is what is there. */
export function visible(text: string): string {
  return HAS_HIDDEN.test(text) ? text.replace(HIDDEN, written) : text;
}

export function hasHidden(text: string): boolean {
  return HAS_HIDDEN.test(text);
}

function written(char: string): string {
  return `⟨U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
