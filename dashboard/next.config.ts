import type { NextConfig } from "next";

/** `next dev` relays the API, so that pages and API have one origin, as they have where the API serves the export. */
const server = process.env.CFX_URL ?? "http://127.0.0.1:8000";
const development: NextConfig = {
  rewrites: async () => [{ source: "/v1/:path*", destination: `${server}/v1/:path*` }],
  compress: false, // or event streams are held back
};
const common: NextConfig = { poweredByHeader: false, reactStrictMode: true, devIndicators: false };

export default process.env.NODE_ENV === "development"
  ? { ...common, ...development }
  : ({ ...common, output: "export" } satisfies NextConfig);
