/** Names for what the API sends; the shapes themselves are generated (`make dashboard-types`). */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Flow = Schemas["Flow"];
export type FlowStatus = Schemas["FlowStatus"];
export type FlowEvent = Schemas["FlowEvent"];
export type FlowPage = Schemas["FlowPage"];
export type StageShare = Schemas["StageShare"];
export type Step = Schemas["Step"];
export type Tests = Schemas["Tests"];
export type Plan = Schemas["Plan"];
export type Gate = Schemas["Gate"];
export type Reason = Schemas["Reason"];
export type UiConfig = Schemas["UiConfig"];
export type StatusNow = Schemas["StatusNow"];
export type Usage = Schemas["Usage"];
export type LogRow = Schemas["LogRow"];
export type LogPage = Schemas["LogPage"];
export type Key = Schemas["Key"];
export type KeyMade = Schemas["KeyMade"];

export const ENDED: ReadonlySet<FlowStatus> = new Set(["approved", "rejected", "failed", "cancelled"]);

/** What `data` of events and `detail` of steps hold; the document leaves them open. */
export interface Finding {
  readonly severity: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly rule: string;
  readonly message: string;
  readonly fingerprint?: string;
  readonly action?: string;
}

export interface Problem {
  readonly code: string;
  readonly path?: string | null;
  readonly message: string;
  readonly wrote?: string;
  readonly found?: string;
}

export interface Repair {
  readonly kind: string;
  readonly message: string;
}
