import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Frame } from "@/components/frame";
import { Providers } from "@/components/providers";
import "./globals.css";

export const metadata: Metadata = { title: { default: "CF-X Flow", template: "%s · CF-X Flow" }, robots: "noindex" };
export const viewport: Viewport = { themeColor: "#0e0f12", colorScheme: "dark" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Providers>
          <Frame>{children}</Frame>
        </Providers>
      </body>
    </html>
  );
}
