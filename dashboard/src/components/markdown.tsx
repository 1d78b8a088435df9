"use client";

import ReactMarkdown, { type Components } from "react-markdown";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { visible } from "@/lib/visible";

/** Pictures would ask other servers who reads this; links open elsewhere and say nothing of where they were. The page's own
    headings end at the second level: below them stand the text's. */
const COMPONENTS: Components = {
  h1: "h3",
  h2: "h4",
  h3: "h5",
  h4: "h6",
  h5: "h6",
  img: ({ alt, src }) => <span className="text-faint">[picture: {alt || String(src ?? "")}]</span>,
  a: ({ children, href }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
};

/** Markdown that a model wrote: HTML in it is not interpreted. */
export default function Markdown({ text }: { text: string }) {
  return (
    <div className="prose-cfx">
      <ReactMarkdown remarkPlugins={[remarkGfm]} rehypePlugins={[rehypeSanitize]} components={COMPONENTS} skipHtml>
        {visible(text)}
      </ReactMarkdown>
    </div>
  );
}
