import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import Markdown from "./markdown";

const HOSTILE = `# <script>alert(1)</script> title

[a link](javascript:alert(1)) [another](https://example.org "t") ![x](https://example.org/spy.png)

<img src=x onerror=alert(1)> <a href="javascript:alert(1)">x</a> <style>*{display:none}</style>

<details open ontoggle=alert(1)><summary>s</summary></details>

\`\`\`html
<script>alert(2)</script>
\`\`\`
`;

test("a plan with scripts in it is text: nothing in it runs, nothing is fetched", () => {
  const html = renderToStaticMarkup(<Markdown text={HOSTILE} />);
  expect(html).not.toMatch(/<(script|img|style|iframe|details|svg|object)\b/i);
  expect(html).not.toMatch(/javascript:|\son\w+=/i);
  expect(html).toContain("&lt;script&gt;alert(2)&lt;/script&gt;");
  expect(html).toContain('rel="noopener noreferrer nofollow"');
});

test("a heading of the text stands below the page's own", () => {
  const html = renderToStaticMarkup(<Markdown text={"# Plan\n\n## Steps\n\n##### Small print"} />);
  expect(html.match(/<h\d/g)).toEqual(["<h3", "<h4", "<h6"]);
});
