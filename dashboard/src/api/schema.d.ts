
export interface paths {
    readonly "/chat/completions": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /** Chat completions, as OpenAI's, routed to a stage */
        readonly post: operations["chat_chat_completions"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/healthz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The process answers */
        readonly get: operations["healthz"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/metrics": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Metrics
         * @description Of this process since its start. Open like the probes, unless `CFX_METRICS_TOKEN` is set.
         */
        readonly get: operations["metrics_metrics_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/readyz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The database answers and an upstream can be reached */
        readonly get: operations["readyz"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/chat/completions": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /** Chat completions, as OpenAI's, routed to a stage */
        readonly post: operations["chat_v1_chat_completions"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List Flows
         * @description Newest first.
         */
        readonly get: operations["list_flows_v1_flows_get"];
        readonly put?: never;
        /**
         * Create Flow
         * @description Accepts a flow: from the 202 on it is never lost.
         *
         *     With `Accept: text/event-stream` the answer is its event stream, from the beginning.
         */
        readonly post: operations["create_flow_v1_flows_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Get Flow */
        readonly get: operations["get_flow_v1_flows__flow_id__get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/apply": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Apply Flow
         * @description Writes an approved flow's patch into the folder of the server that it was given: all or nothing.
         */
        readonly post: operations["apply_flow_v1_flows__flow_id__apply_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/bundle": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Bundle
         * @description Patch, reverse patch, pre-image, plan, findings and approval hash in a tar.gz, for `cfx verify`.
         */
        readonly get: operations["get_bundle_v1_flows__flow_id__bundle_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/cancel": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Cancel Flow
         * @description Ends it at once; an answer that was under way is not waited for.
         */
        readonly post: operations["cancel_flow_v1_flows__flow_id__cancel_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/decision": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Decide
         * @description A person's word at a gate, bound to the version that they have looked at; the first one counts.
         */
        readonly post: operations["decide_v1_flows__flow_id__decision_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/diff": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Diff
         * @description The newest diff that passed the check, in canonical form.
         */
        readonly get: operations["get_diff_v1_flows__flow_id__diff_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/events": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Events
         * @description As server-sent events, live until ``flow.completed``, where the client accepts them; else JSON.
         */
        readonly get: operations["get_events_v1_flows__flow_id__events_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/fork": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Fork Flow
         * @description A new flow that takes over the steps of this one up to `step`, with another plan or other models
         *     from there on. What is taken over is not asked for, or paid, again.
         */
        readonly post: operations["fork_flow_v1_flows__flow_id__fork_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/plan": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Plan
         * @description The plan that counts, in Markdown; with `Accept: application/json` its contract too, as it was
         *     frozen.
         */
        readonly get: operations["get_plan_v1_flows__flow_id__plan_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/report": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Report
         * @description The flow in Markdown: task, plan, rounds, findings, cost, outcome.
         */
        readonly get: operations["get_report_v1_flows__flow_id__report_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/resume": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Resume Flow
         * @description Goes on with a flow that failed, or ran out of rounds, from where it stopped. Finished steps, and
         *     answers that were paid for, are not asked for again.
         */
        readonly post: operations["resume_flow_v1_flows__flow_id__resume_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/rollback": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Roll Flow Back
         * @description Takes back exactly what `apply` has written; later edits elsewhere are kept.
         */
        readonly post: operations["roll_flow_back_v1_flows__flow_id__rollback_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/steps/{n}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Get Step */
        readonly get: operations["get_step_v1_flows__flow_id__steps__n__get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/flows/{flow_id}/tests": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Tests
         * @description What the flow's tests said; `not_run` where there were none.
         */
        readonly get: operations["get_tests_v1_flows__flow_id__tests_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/keys": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List Keys
         * @description Newest first, the revoked ones too; never the keys themselves.
         */
        readonly get: operations["list_keys_v1_keys_get"];
        readonly put?: never;
        /**
         * Create Key
         * @description A key may not give more than it has. At most 20 an hour and 100 active ones.
         */
        readonly post: operations["create_key_v1_keys_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/keys/{key_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Revoke Key
         * @description By its `id` or `key_id`; the key in use too. Within 6 seconds it opens nothing any more. Revoking
         *     it again changes nothing.
         */
        readonly delete: operations["revoke_key_v1_keys__key_id__delete"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/logs": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List Logs
         * @description A row appears within a second of its call's end. Rows that come meanwhile do not move the pages.
         */
        readonly get: operations["list_logs_v1_logs_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/model/info": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The same in LiteLLM's shape: windows, prices */
        readonly get: operations["model_info"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/models": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The models that may be named, in OpenAI's shape */
        readonly get: operations["list_models"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/models/{model_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Get Model */
        readonly get: operations["get_model_v1_models__model_id__get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/snapshots": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create Snapshot
         * @description A tar.gz of plain files; links, devices and paths that leave the tree are refused by name.
         */
        readonly post: operations["create_snapshot_v1_snapshots_post"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/status": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Status
         * @description Your own; but a target's breaker is everybody's.
         */
        readonly get: operations["get_status_v1_status_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ui-config": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** What the dashboard shows before anyone has signed in: public */
        readonly get: operations["ui_config"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/usage": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Usage
         * @description Your own, of at most 366 days. Sums are exact to the micro-dollar.
         */
        readonly get: operations["get_usage_v1_usage_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhook-secret": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Get Secret
         * @description Yours, for all your flows. The signature is that of Standard Webhooks; so is the secret's form.
         */
        readonly get: operations["get_secret_v1_webhook_secret_get"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Accepted */
        readonly Accepted: {
            /** Id */
            readonly id: string;
            /** Links */
            readonly links: {
                readonly [key: string]: string;
            };
            readonly status: components["schemas"]["FlowStatus"];
        };
        /** Applied */
        readonly Applied: {
            /** Branch */
            readonly branch: string | null;
            /**
             * Carried
             * @description Files whose edits of your own were kept
             */
            readonly carried: readonly string[];
            /** Commit */
            readonly commit: string | null;
            /** Id */
            readonly id: string;
            /** Notes */
            readonly notes: readonly string[];
            /** Trees */
            readonly trees: readonly string[] | null;
            /** Written */
            readonly written: readonly string[];
        };
        /** Breaker */
        readonly Breaker: {
            readonly state: components["schemas"]["BreakerState"];
            /** Target */
            readonly target: string;
        };
        /**
         * BreakerState
         * @enum {string}
         */
        readonly BreakerState: "closed" | "open" | "half_open";
        /** Budget */
        readonly Budget: {
            /** Seconds */
            readonly seconds: number;
            /** Tokens */
            readonly tokens: number;
            /** Usd */
            readonly usd: number;
        };
        /** BudgetRequest */
        readonly BudgetRequest: {
            /** Seconds */
            readonly seconds?: number | null;
            /** Tokens */
            readonly tokens?: number | null;
            /** Usd */
            readonly usd?: number | null;
        };
        /**
         * Contract
         * @description Frozen once the plan is approved. Lists are empty where the plan says nothing.
         */
        readonly Contract: {
            /**
             * Dependencies
             * @default []
             */
            readonly dependencies: readonly string[];
            /** Files */
            readonly files: readonly components["schemas"]["PlannedFile"][];
            /**
             * Out Of Scope
             * @default []
             */
            readonly out_of_scope: readonly string[];
            /**
             * Risks
             * @default []
             */
            readonly risks: readonly string[];
            /**
             * Tests
             * @default []
             */
            readonly tests: readonly string[];
        };
        /** Counts */
        readonly Counts: {
            /** Cancelled */
            readonly cancelled: number;
            /** Cost Usd */
            readonly cost_usd: number;
            /** Errors */
            readonly errors: number;
            /** Input Tokens */
            readonly input_tokens: number;
            /** Output Tokens */
            readonly output_tokens: number;
            /** Rate Limited */
            readonly rate_limited: number;
            /**
             * Requests
             * @description Model calls and refusals; the next three are parts of it
             */
            readonly requests: number;
            /** Total Tokens */
            readonly total_tokens: number;
        };
        /** DailyLimit */
        readonly DailyLimit: {
            /** Limit */
            readonly limit: number;
            /** Remaining */
            readonly remaining: number;
            /**
             * Reset At
             * Format: date-time
             * @example 2026-11-23T12:00:00.000Z
             */
            readonly reset_at: string;
        };
        readonly Error: {
            readonly error: {
                readonly code: string | null;
                /** @description What is wrong and what to do about it. */
                readonly message: string;
                readonly param: string | null;
                readonly type: string;
            };
        };
        /** EventPage */
        readonly EventPage: {
            /** Data */
            readonly data: readonly components["schemas"]["FlowEvent"][];
            /** Last Seq */
            readonly last_seq: number;
        };
        /** Flow */
        readonly Flow: {
            /**
             * Approval
             * @enum {string}
             */
            readonly approval: "auto" | "plan" | "patch" | "both";
            /** Approval Hash */
            readonly approval_hash: string | null;
            readonly budget: components["schemas"]["Budget"];
            /** Completed At */
            readonly completed_at: string | null;
            /** Cost Usd */
            readonly cost_usd: number;
            /**
             * Created At
             * Format: date-time
             */
            readonly created_at: string;
            readonly forked_from: components["schemas"]["Parent"] | null;
            /** @description Where it waits, while `requires_action` */
            readonly gate: components["schemas"]["Gate"] | null;
            /** Id */
            readonly id: string;
            /** Links */
            readonly links: {
                readonly [key: string]: string;
            };
            /** Max Rounds */
            readonly max_rounds: number;
            /**
             * Message
             * @description The reason in a sentence, or what a person is asked
             */
            readonly message: string | null;
            /** Metadata */
            readonly metadata: {
                readonly [key: string]: unknown;
            };
            readonly reason: components["schemas"]["Reason"] | null;
            /** Round */
            readonly round: number;
            /** Rounds */
            readonly rounds: readonly components["schemas"]["Round"][];
            /** Snapshot Id */
            readonly snapshot_id: string;
            /** Stages */
            readonly stages: {
                readonly [key: string]: components["schemas"]["StageShare"];
            };
            /** Started At */
            readonly started_at: string | null;
            readonly status: components["schemas"]["FlowStatus"];
            /** Step */
            readonly step: number;
            /** Task */
            readonly task: string;
            readonly timings: components["schemas"]["Timings"];
            readonly usage: components["schemas"]["Tokens"];
            /**
             * Version
             * @description For `decision`: that of the flow that was looked at
             */
            readonly version: number;
            readonly webhook: components["schemas"]["Webhook"] | null;
            /**
             * Workspace
             * @description The folder on the server that it was read from
             */
            readonly workspace: string | null;
        };
        /** FlowEvent */
        readonly FlowEvent: {
            /**
             * At
             * Format: date-time
             */
            readonly at: string;
            /** Cost Usd */
            readonly cost_usd: number | null;
            /** Data */
            readonly data: {
                readonly [key: string]: unknown;
            };
            /** Duration Ms */
            readonly duration_ms: number | null;
            /** Input Tokens */
            readonly input_tokens: number | null;
            /** Model */
            readonly model: string | null;
            /** Output Tokens */
            readonly output_tokens: number | null;
            /** Round */
            readonly round: number | null;
            /** Seq */
            readonly seq: number;
            /** Stage */
            readonly stage: string | null;
            /** Step */
            readonly step: number | null;
            /**
             * Type
             * @description `flow.started`, `step.completed`, `diff.checked`, …
             */
            readonly type: string;
        };
        /** FlowPage */
        readonly FlowPage: {
            /** Data */
            readonly data: readonly components["schemas"]["Flow"][];
            /** Next Cursor */
            readonly next_cursor: string | null;
        };
        /**
         * FlowStatus
         * @enum {string}
         */
        readonly FlowStatus: "queued" | "in_progress" | "requires_action" | "approved" | "rejected" | "failed" | "cancelled";
        /**
         * Gate
         * @description Where a flow may wait for a person.
         * @enum {string}
         */
        readonly Gate: "plan" | "patch";
        /**
         * Key
         * @example {
         *       "created_at": "2026-11-23T12:00:00.000Z",
         *       "daily_limit": 200,
         *       "expires_at": "2027-02-21T00:00:00.000Z",
         *       "id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10",
         *       "is_current": false,
         *       "key_id": "4vUa0fQmX2bT",
         *       "label": "laptop",
         *       "permissions": [],
         *       "status": "active",
         *       "user": "ada"
         *     }
         */
        readonly Key: {
            /**
             * Created At
             * Format: date-time
             * @example 2026-11-23T12:00:00.000Z
             */
            readonly created_at: string;
            /**
             * Daily Limit
             * @description null: the user's
             */
            readonly daily_limit: number | null;
            /** Expires At */
            readonly expires_at: string | null;
            /** Id */
            readonly id: string;
            /**
             * Is Current
             * @description The key of this very request
             */
            readonly is_current: boolean;
            /**
             * Key Id
             * @description The public part: the key begins with cfx_ and this
             */
            readonly key_id: string;
            /** Label */
            readonly label: string | null;
            /**
             * Last Used At
             * @description To the minute
             */
            readonly last_used_at: string | null;
            /**
             * Max Streams
             * @description null: the server's
             */
            readonly max_streams: number | null;
            /** Permissions */
            readonly permissions: readonly string[];
            /**
             * Status
             * @enum {string}
             */
            readonly status: "active" | "revoked" | "expired";
            /** User */
            readonly user: string;
        };
        /**
         * KeyMade
         * @example {
         *       "created_at": "2026-11-23T12:00:00.000Z",
         *       "daily_limit": 200,
         *       "expires_at": "2027-02-21T00:00:00.000Z",
         *       "id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10",
         *       "is_current": false,
         *       "key": "cfx_4vUa0fQmX2bT_…",
         *       "key_id": "4vUa0fQmX2bT",
         *       "label": "laptop",
         *       "permissions": [],
         *       "status": "active",
         *       "user": "ada"
         *     }
         */
        readonly KeyMade: {
            /**
             * Created At
             * Format: date-time
             * @example 2026-11-23T12:00:00.000Z
             */
            readonly created_at: string;
            /**
             * Daily Limit
             * @description null: the user's
             */
            readonly daily_limit: number | null;
            /** Expires At */
            readonly expires_at: string | null;
            /** Id */
            readonly id: string;
            /**
             * Is Current
             * @description The key of this very request
             */
            readonly is_current: boolean;
            /**
             * Key
             * @description The key itself, shown this once
             */
            readonly key: string;
            /**
             * Key Id
             * @description The public part: the key begins with cfx_ and this
             */
            readonly key_id: string;
            /** Label */
            readonly label: string | null;
            /**
             * Last Used At
             * @description To the minute
             */
            readonly last_used_at: string | null;
            /**
             * Max Streams
             * @description null: the server's
             */
            readonly max_streams: number | null;
            /** Permissions */
            readonly permissions: readonly string[];
            /**
             * Status
             * @enum {string}
             */
            readonly status: "active" | "revoked" | "expired";
            /** User */
            readonly user: string;
        };
        /** KeyPage */
        readonly KeyPage: {
            /** Data */
            readonly data: readonly components["schemas"]["Key"][];
            /** Next Cursor */
            readonly next_cursor: string | null;
        };
        /** LogPage */
        readonly LogPage: {
            /** Data */
            readonly data: readonly components["schemas"]["LogRow"][];
            /**
             * Next Cursor
             * @description For the next page; null on the last one. A page that looks for a rare stage or model may be short or empty and still have one
             */
            readonly next_cursor: string | null;
        };
        /**
         * LogRow
         * @example {
         *       "api_key_id": "7f0f6f0a-8f0e-4c57-a6a6-0f5d4f6b8a10",
         *       "cost_usd": 0.001744,
         *       "created_at": "2026-11-23T12:00:00.000Z",
         *       "estimated": false,
         *       "id": "019ab0c2-6d1e-7000-8f00-1c2d3e4f5a6b",
         *       "input_tokens": 5120,
         *       "latency_ms": 8210,
         *       "model": "deepseek-v3",
         *       "output_tokens": 740,
         *       "request_id": "0c9d2d1e-3a52-4d0a-9a39-0c1f5f3c7e11",
         *       "session_id": "fix the parser",
         *       "stage": "code",
         *       "status": "success",
         *       "total_tokens": 5860,
         *       "ttft_ms": 640
         *     }
         */
        readonly LogRow: {
            /** Api Key Id */
            readonly api_key_id: string | null;
            /** Cost Usd */
            readonly cost_usd: number;
            /**
             * Created At
             * Format: date-time
             * @example 2026-11-23T12:00:00.000Z
             */
            readonly created_at: string;
            /** Error Message */
            readonly error_message: string | null;
            /**
             * Estimated
             * @description Tokens and cost were counted by us: the upstream could not report
             */
            readonly estimated: boolean;
            /** Flow Id */
            readonly flow_id: string | null;
            /** Id */
            readonly id: string;
            /** Input Tokens */
            readonly input_tokens: number;
            /** Latency Ms */
            readonly latency_ms: number | null;
            /** Model */
            readonly model: string | null;
            /** Output Tokens */
            readonly output_tokens: number;
            /**
             * Request Id
             * @description X-CFX-Request-Id; the calls of a flow share one
             */
            readonly request_id: string;
            /** Session Id */
            readonly session_id: string | null;
            /** Stage */
            readonly stage: string | null;
            /**
             * Status
             * @enum {string}
             */
            readonly status: "success" | "error" | "rate_limited" | "cancelled";
            /** Total Tokens */
            readonly total_tokens: number;
            /**
             * Ttft Ms
             * @description To the first byte of the reply
             */
            readonly ttft_ms: number | null;
        };
        /** Model */
        readonly Model: {
            /** Created */
            readonly created: number;
            /** Id */
            readonly id: string;
            /**
             * Object
             * @constant
             */
            readonly object: "model";
            /** Owned By */
            readonly owned_by: string;
        };
        /**
         * ModelInfo
         * @description **Source**: LiteLLM's; per token, not per million.
         */
        readonly ModelInfo: {
            /** Cache Read Input Token Cost */
            readonly cache_read_input_token_cost: number;
            /** Id */
            readonly id: string;
            /** Input Cost Per Token */
            readonly input_cost_per_token: number;
            /** Max Input Tokens */
            readonly max_input_tokens: number;
            /** Max Output Tokens */
            readonly max_output_tokens: number | null;
            /** Max Tokens */
            readonly max_tokens: number | null;
            /** Mode */
            readonly mode: string;
            /** Output Cost Per Token */
            readonly output_cost_per_token: number;
            /** Supports Function Calling */
            readonly supports_function_calling: boolean;
            /** Supports Prompt Caching */
            readonly supports_prompt_caching: boolean;
            /** Supports Response Schema */
            readonly supports_response_schema: boolean;
            /** Supports Vision */
            readonly supports_vision: boolean;
        };
        /** ModelInfoList */
        readonly ModelInfoList: {
            /** Data */
            readonly data: readonly components["schemas"]["NamedModelInfo"][];
        };
        /** ModelList */
        readonly ModelList: {
            /** Data */
            readonly data: readonly components["schemas"]["Model"][];
            /**
             * Object
             * @constant
             */
            readonly object: "list";
        };
        /** NamedModelInfo */
        readonly NamedModelInfo: {
            /** Litellm Params */
            readonly litellm_params: {
                readonly [key: string]: string;
            };
            readonly model_info: components["schemas"]["ModelInfo"];
            /** Model Name */
            readonly model_name: string;
        };
        /**
         * NewKeyBody
         * @example {
         *       "daily_limit": 200,
         *       "expires_at": "2027-02-21T00:00:00Z",
         *       "label": "laptop"
         *     }
         */
        readonly NewKeyBody: {
            /**
             * Daily Limit
             * @description At most that of the key in use
             */
            readonly daily_limit?: number | null;
            /**
             * Expires At
             * @description Without it: when the key in use ends, or never
             */
            readonly expires_at?: string | null;
            /**
             * Label
             * @description What the key is for
             */
            readonly label?: string | null;
            /**
             * Max Streams
             * @description At most that of the key in use
             */
            readonly max_streams?: number | null;
            /**
             * Permissions
             * @description Of those of the key in use
             */
            readonly permissions?: readonly string[];
            /**
             * User
             * @description Whose key; admins only
             */
            readonly user?: string | null;
        };
        /** Parent */
        readonly Parent: {
            /** Id */
            readonly id: string;
            /** Link */
            readonly link: string;
            /** Step */
            readonly step: number;
        };
        /** Percentiles */
        readonly Percentiles: {
            /** P50 */
            readonly p50: number;
            /** P95 */
            readonly p95: number;
        };
        /** Plan */
        readonly Plan: {
            /** Approved By Person */
            readonly approved_by_person: boolean;
            readonly contract: components["schemas"]["Contract"] | null;
            /** Contract Problem */
            readonly contract_problem: string | null;
            /**
             * Plan
             * @description Markdown
             */
            readonly plan: string | null;
            /** Step */
            readonly step: number;
        };
        /** PlannedFile */
        readonly PlannedFile: {
            /**
             * Operation
             * @default modify
             * @enum {string}
             */
            readonly operation: "create" | "modify" | "delete";
            /** Path */
            readonly path: string;
            /**
             * Purpose
             * @default
             */
            readonly purpose: string;
        };
        /**
         * Reason
         * @description Why a flow ended as it did; an approved one needs none.
         * @enum {string}
         */
        readonly Reason: "review" | "person" | "max_rounds" | "no_progress" | "policy" | "budget" | "limit_reached" | "upstream" | "review_unreadable" | "plan_unreadable" | "state" | "internal" | "crashed" | "user";
        /** Round */
        readonly Round: {
            /** Cost Usd */
            readonly cost_usd: number;
            /**
             * Round
             * @description 0 is planning
             */
            readonly round: number;
            /** Stages */
            readonly stages: {
                readonly [key: string]: components["schemas"]["StageShare"];
            };
            /** Total Tokens */
            readonly total_tokens: number;
        };
        /** SnapshotMade */
        readonly SnapshotMade: {
            /** File Count */
            readonly file_count: number;
            /** Id */
            readonly id: string;
            /** Total Bytes */
            readonly total_bytes: number;
        };
        /**
         * StageName
         * @enum {string}
         */
        readonly StageName: "plan" | "code" | "review" | "direct";
        /** StageRequest */
        readonly StageRequest: {
            /** Model */
            readonly model: string;
        };
        /** StageShare */
        readonly StageShare: {
            /** Calls */
            readonly calls: number;
            /** Cost Usd */
            readonly cost_usd: number;
            /** Duration Ms */
            readonly duration_ms: number;
            /** Input Tokens */
            readonly input_tokens: number;
            /**
             * Maybe Paid Twice
             * @description Calls that were in flight when a process died
             */
            readonly maybe_paid_twice: number;
            /**
             * Model
             * @description The one that answered last
             */
            readonly model: string | null;
            /** Output Tokens */
            readonly output_tokens: number;
        };
        /**
         * StatusNow
         * @example {
         *       "breakers": [
         *         {
         *           "state": "closed",
         *           "target": "litellm/claude-sonnet-4-5"
         *         }
         *       ],
         *       "error_rate": 0.083,
         *       "latency_ms": {
         *         "p50": 5210,
         *         "p95": 18400
         *       },
         *       "streams": {
         *         "limit": 2,
         *         "running": 1
         *       },
         *       "today": {
         *         "limit": 1000,
         *         "remaining": 988,
         *         "reset_at": "2026-11-24T00:00:00.000Z"
         *       },
         *       "ttft_ms": {
         *         "p50": 640,
         *         "p95": 1850
         *       },
         *       "window": {
         *         "calls": 12,
         *         "is_sample": false,
         *         "minutes": 60
         *       }
         *     }
         */
        readonly StatusNow: {
            /**
             * Breakers
             * @description Of every target that this process has asked so far
             */
            readonly breakers: readonly components["schemas"]["Breaker"][];
            /**
             * Error Rate
             * @description Errors among calls that ended well or in an error, 0 to 1
             */
            readonly error_rate: number | null;
            /** @description Of your calls that went well; null without any */
            readonly latency_ms: components["schemas"]["Percentiles"] | null;
            readonly streams: components["schemas"]["Streams"];
            readonly today: components["schemas"]["DailyLimit"];
            readonly ttft_ms: components["schemas"]["Percentiles"] | null;
            readonly window: components["schemas"]["Window"];
        };
        /** Step */
        readonly Step: {
            /** Attempts */
            readonly attempts: number;
            /** Completed At */
            readonly completed_at: string | null;
            /** Cost Usd */
            readonly cost_usd: number;
            /** Detail */
            readonly detail: {
                readonly [key: string]: unknown;
            };
            /** Input */
            readonly input: {
                readonly [key: string]: unknown;
            };
            /** Input Tokens */
            readonly input_tokens: number;
            /** Model */
            readonly model: string | null;
            /** N */
            readonly n: number;
            /** Node */
            readonly node: string;
            /** Output */
            readonly output: string | null;
            /** Output Tokens */
            readonly output_tokens: number;
            /** Repairs */
            readonly repairs: readonly {
                readonly [key: string]: unknown;
            }[];
            /** Round */
            readonly round: number | null;
            /**
             * Started At
             * Format: date-time
             */
            readonly started_at: string;
            /**
             * Status
             * @enum {string}
             */
            readonly status: "started" | "completed" | "failed" | "cancelled";
        };
        /** Streams */
        readonly Streams: {
            /**
             * Limit
             * @description Of this key
             */
            readonly limit: number;
            /**
             * Running
             * @description Of yours, over all keys and processes; null where Redis keeps count of them
             */
            readonly running: number | null;
        };
        /** Supabase */
        readonly Supabase: {
            /**
             * Anon Key
             * @description The public one: row level security stands behind it
             */
            readonly anon_key: string;
            /** Url */
            readonly url: string;
        };
        /** Tests */
        readonly Tests: {
            /**
             * Reason
             * @default null
             */
            readonly reason: string | null;
            /** Status */
            readonly status: string;
        };
        /** Timings */
        readonly Timings: {
            /** Elapsed S */
            readonly elapsed_s: number | null;
            /** Model S */
            readonly model_s: number;
            /** Queued S */
            readonly queued_s: number | null;
        };
        /** Tokens */
        readonly Tokens: {
            /** Input Tokens */
            readonly input_tokens: number;
            /** Output Tokens */
            readonly output_tokens: number;
            /** Total Tokens */
            readonly total_tokens: number;
        };
        /** UiConfig */
        readonly UiConfig: {
            /**
             * Base Url
             * @description Where people reach this server (CFX_PUBLIC_URL); null: where the page came from
             */
            readonly base_url: string | null;
            /**
             * Sign In
             * @description Ways in, the one to offer first at the head
             */
            readonly sign_in: readonly ("key" | "supabase")[];
            /** @description null: SUPABASE_URL and SUPABASE_ANON_KEY are not set */
            readonly supabase: components["schemas"]["Supabase"] | null;
            /** Version */
            readonly version: string;
        };
        /**
         * Usage
         * @example {
         *       "data": [
         *         {
         *           "cancelled": 2,
         *           "cost_usd": 0.28143,
         *           "day": "2026-11-23",
         *           "errors": 1,
         *           "input_tokens": 48210,
         *           "model": "claude-sonnet-4-5",
         *           "output_tokens": 9120,
         *           "rate_limited": 0,
         *           "requests": 12,
         *           "stage": "plan",
         *           "total_tokens": 57330
         *         }
         *       ],
         *       "from": "2026-11-22",
         *       "to": "2026-11-23",
         *       "today": {
         *         "limit": 1000,
         *         "remaining": 988,
         *         "reset_at": "2026-11-24T00:00:00.000Z"
         *       },
         *       "totals": {
         *         "cancelled": 2,
         *         "cost_usd": 0.28143,
         *         "errors": 1,
         *         "input_tokens": 48210,
         *         "output_tokens": 9120,
         *         "rate_limited": 0,
         *         "requests": 12,
         *         "total_tokens": 57330
         *       }
         *     }
         */
        readonly Usage: {
            /**
             * Data
             * @description Newest day first; days without a request are left out
             */
            readonly data: readonly components["schemas"]["UsagePart"][];
            /**
             * From
             * Format: date
             */
            readonly from: string;
            /**
             * To
             * Format: date
             */
            readonly to: string;
            readonly today: components["schemas"]["DailyLimit"];
            readonly totals: components["schemas"]["Counts"];
        };
        /** UsagePart */
        readonly UsagePart: {
            /** Cancelled */
            readonly cancelled: number;
            /** Cost Usd */
            readonly cost_usd: number;
            /**
             * Day
             * Format: date
             */
            readonly day: string;
            /** Errors */
            readonly errors: number;
            /** Input Tokens */
            readonly input_tokens: number;
            /**
             * Model
             * @description null: no model was asked
             */
            readonly model: string | null;
            /** Output Tokens */
            readonly output_tokens: number;
            /** Rate Limited */
            readonly rate_limited: number;
            /**
             * Requests
             * @description Model calls and refusals; the next three are parts of it
             */
            readonly requests: number;
            /**
             * Stage
             * @description null: refused before its stage was known
             */
            readonly stage: string | null;
            /** Total Tokens */
            readonly total_tokens: number;
        };
        /** Webhook */
        readonly Webhook: {
            /** Last Error */
            readonly last_error: string | null;
            /** Last Status */
            readonly last_status: number | null;
            /** Next Try At */
            readonly next_try_at: string | null;
            /**
             * State
             * @description waiting, pending, delivered or failed
             */
            readonly state: string;
            /** Tries */
            readonly tries: number;
            /** Url */
            readonly url: string;
        };
        /** WebhookRequest */
        readonly WebhookRequest: {
            /**
             * Url
             * @description https, at a host the operator named
             */
            readonly url: string;
        };
        /** WebhookSecret */
        readonly WebhookSecret: {
            /** Secret */
            readonly secret: string;
        };
        /** Window */
        readonly Window: {
            /** Calls */
            readonly calls: number;
            /**
             * Is Sample
             * @description There were more; the figures are of the newest 1000
             */
            readonly is_sample: boolean;
            /** Minutes */
            readonly minutes: number;
        };
        /**
         * WorkspaceRequest
         * @description Exactly one of the three.
         */
        readonly WorkspaceRequest: {
            /**
             * Files
             * @description relative path → text
             */
            readonly files?: {
                readonly [key: string]: string;
            } | null;
            /**
             * Path
             * @description a folder of the server, for keys that may
             */
            readonly path?: string | null;
            /**
             * Snapshot Id
             * @description from POST /v1/snapshots
             */
            readonly snapshot_id?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly chat_chat_completions: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Adds the stage's own prompt, or not */
                readonly "X-CFX-Prompt"?: "stage" | "none";
                /** @description Names a conversation, in logs */
                readonly "X-CFX-Session-Id"?: string;
                /** @description Chooses the stage */
                readonly "X-CFX-Stage"?: "plan" | "code" | "review" | "direct";
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description -1: none */
                    readonly max_completion_tokens?: number | null;
                    /** @description -1: none */
                    readonly max_tokens?: number | null;
                    readonly messages: readonly {
                        readonly content?: string | readonly {
                            readonly text?: string;
                            readonly type: string;
                        }[] | null;
                        readonly role: string;
                    }[];
                    /** @description cfx-plan, cfx-code, cfx-review, cfx-auto, cfx-flow, or a listed model */
                    readonly model?: string | null;
                    readonly n?: number | null;
                    readonly response_format?: Record<string, never> | null;
                    readonly stream?: boolean | null;
                    readonly stream_options?: Record<string, never> | null;
                    readonly temperature?: number | null;
                    readonly tools?: readonly Record<string, never>[] | null;
                    readonly top_p?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description A completion, or with `stream` its chunks */
            readonly 200: {
                headers: {
                    readonly "X-CFX-Model-Used"?: string;
                    readonly "X-CFX-Stage"?: string;
                    readonly "X-CFX-Stage-Source"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": Record<string, never>;
                    readonly "text/event-stream": unknown;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly healthz: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Yes */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": Record<string, never>;
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly metrics_metrics_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Prometheus' text format */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly readyz: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Yes */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        /** Checks */
                        readonly checks: {
                            readonly [key: string]: string;
                        };
                        /**
                         * Error
                         * @default null
                         */
                        readonly error: {
                            readonly [key: string]: unknown;
                        } | null;
                        /** Status */
                        readonly status: string;
                    };
                };
            };
            /** @description No, and what is missing */
            readonly 503: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        /** Checks */
                        readonly checks: {
                            readonly [key: string]: string;
                        };
                        /**
                         * Error
                         * @default null
                         */
                        readonly error: {
                            readonly [key: string]: unknown;
                        } | null;
                        /** Status */
                        readonly status: string;
                    };
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly chat_v1_chat_completions: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Adds the stage's own prompt, or not */
                readonly "X-CFX-Prompt"?: "stage" | "none";
                /** @description Names a conversation, in logs */
                readonly "X-CFX-Session-Id"?: string;
                /** @description Chooses the stage */
                readonly "X-CFX-Stage"?: "plan" | "code" | "review" | "direct";
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /** @description -1: none */
                    readonly max_completion_tokens?: number | null;
                    /** @description -1: none */
                    readonly max_tokens?: number | null;
                    readonly messages: readonly {
                        readonly content?: string | readonly {
                            readonly text?: string;
                            readonly type: string;
                        }[] | null;
                        readonly role: string;
                    }[];
                    /** @description cfx-plan, cfx-code, cfx-review, cfx-auto, cfx-flow, or a listed model */
                    readonly model?: string | null;
                    readonly n?: number | null;
                    readonly response_format?: Record<string, never> | null;
                    readonly stream?: boolean | null;
                    readonly stream_options?: Record<string, never> | null;
                    readonly temperature?: number | null;
                    readonly tools?: readonly Record<string, never>[] | null;
                    readonly top_p?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description A completion, or with `stream` its chunks */
            readonly 200: {
                headers: {
                    readonly "X-CFX-Model-Used"?: string;
                    readonly "X-CFX-Stage"?: string;
                    readonly "X-CFX-Stage-Source"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": Record<string, never>;
                    readonly "text/event-stream": unknown;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly list_flows_v1_flows_get: {
        readonly parameters: {
            readonly query?: {
                /** @description `next_cursor` of the page before */
                readonly cursor?: string;
                /** @description The id of a flow */
                readonly forked_from?: string;
                readonly limit?: number;
                readonly reason?: components["schemas"]["Reason"];
                /** @description Made from this moment on (UTC where no zone is given) */
                readonly since?: string;
                /** @description One or, named again, several */
                readonly status?: readonly components["schemas"]["FlowStatus"][];
                /** @description Made before this moment */
                readonly until?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["FlowPage"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly create_flow_v1_flows_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description same key and body within 24 hours: the same flow */
                readonly "idempotency-key"?: string;
                /** @description `wait=N` answers with the ended flow (200) if it ends within N seconds, else 202 */
                readonly prefer?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * Approval
                     * @description what a person must approve besides the reviewer
                     * @default auto
                     * @enum {string}
                     */
                    readonly approval?: "auto" | "plan" | "patch" | "both";
                    /** @default {} */
                    readonly budget?: components["schemas"]["BudgetRequest"];
                    /**
                     * Max Rounds
                     * @description review rounds
                     */
                    readonly max_rounds?: number | null;
                    /** Metadata */
                    readonly metadata?: {
                        readonly [key: string]: string | number | boolean | null;
                    };
                    /** Stages */
                    readonly stages?: {
                        readonly [key: string]: components["schemas"]["StageRequest"];
                    };
                    /** Task */
                    readonly task: string;
                    /** Tests */
                    readonly tests?: null;
                    /** @description told of the flow's end */
                    readonly webhook?: components["schemas"]["WebhookRequest"] | null;
                    readonly workspace: components["schemas"]["WorkspaceRequest"];
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_flow_v1_flows__flow_id__get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Flow"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly apply_flow_v1_flows__flow_id__apply_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * Branch
                     * @description commit on a new branch, and switch to it
                     */
                    readonly branch?: string | null;
                    /**
                     * Commit
                     * @description commit the change alone, nothing else that is edited
                     * @default false
                     */
                    readonly commit?: boolean;
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Applied"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_bundle_v1_flows__flow_id__bundle_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/gzip": string;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly cancel_flow_v1_flows__flow_id__cancel_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Flow"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly decide_v1_flows__flow_id__decision_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * Comment
                     * @description needed to revise
                     */
                    readonly comment?: string | null;
                    /**
                     * Decision
                     * @enum {string}
                     */
                    readonly decision: "approve" | "reject" | "revise";
                    readonly gate: components["schemas"]["Gate"];
                    /**
                     * Plan
                     * @description the plan to carry out instead
                     */
                    readonly plan?: string | null;
                    /**
                     * Version
                     * @description the flow's version that was looked at
                     */
                    readonly version: number;
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Flow"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_diff_v1_flows__flow_id__diff_get: {
        readonly parameters: {
            readonly query?: {
                /** @description the diff that undoes it */
                readonly reverse?: boolean;
            };
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/x-diff": string;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_events_v1_flows__flow_id__events_get: {
        readonly parameters: {
            readonly query?: {
                /** @description only events after this seq */
                readonly after?: number;
            };
            readonly header?: {
                readonly "Last-Event-ID"?: number;
            };
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["EventPage"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly fork_flow_v1_flows__flow_id__fork_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description same key and body within 24 hours: the same flow */
                readonly "idempotency-key"?: string;
                /** @description `wait=N` answers with the ended flow (200) if it ends within N seconds, else 202 */
                readonly prefer?: string;
            };
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * @description the new flow's own; else as its parent's
                     * @default {}
                     */
                    readonly budget?: components["schemas"]["BudgetRequest"];
                    /**
                     * Max Rounds
                     * @description in all, those that were taken over included
                     */
                    readonly max_rounds?: number | null;
                    /**
                     * Plan
                     * @description instead of the plan taken over
                     */
                    readonly plan?: string | null;
                    /**
                     * Stages
                     * @description other models from here on
                     */
                    readonly stages?: {
                        readonly [key: string]: components["schemas"]["StageRequest"];
                    };
                    /**
                     * Step
                     * @description the last step that is taken over; 0: none
                     */
                    readonly step: number;
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_plan_v1_flows__flow_id__plan_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Plan"];
                    readonly "text/markdown": string;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_report_v1_flows__flow_id__report_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/markdown": string;
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly resume_flow_v1_flows__flow_id__resume_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * @description the flow's whole budget from now on
                     * @default {}
                     */
                    readonly budget?: components["schemas"]["BudgetRequest"];
                    /**
                     * Comment
                     * @description what CODE should know when it goes on
                     */
                    readonly comment?: string | null;
                    /**
                     * Max Rounds
                     * @description in all, those that were run included
                     */
                    readonly max_rounds?: number | null;
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Accepted"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly roll_flow_back_v1_flows__flow_id__rollback_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                readonly "application/json": {
                    /**
                     * Branch
                     * @description commit on a new branch, and switch to it
                     */
                    readonly branch?: string | null;
                    /**
                     * Commit
                     * @description commit the change alone, nothing else that is edited
                     * @default false
                     */
                    readonly commit?: boolean;
                };
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Applied"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_step_v1_flows__flow_id__steps__n__get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
                readonly n: number;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Step"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_tests_v1_flows__flow_id__tests_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly flow_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Tests"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly list_keys_v1_keys_get: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                readonly limit?: number;
                /** @description Whose keys; admins only */
                readonly user?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["KeyPage"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly create_key_v1_keys_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["NewKeyBody"];
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["KeyMade"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly revoke_key_v1_keys__key_id__delete: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly key_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Key"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly list_logs_v1_logs_get: {
        readonly parameters: {
            readonly query?: {
                /** @description `next_cursor` of the page before */
                readonly cursor?: string;
                readonly limit?: number;
                /** @description As the log shows it */
                readonly model?: string;
                /** @description What X-CFX-Session-Id said */
                readonly session_id?: string;
                /** @description From this moment on (UTC where no zone is given) */
                readonly since?: string;
                readonly stage?: components["schemas"]["StageName"];
                readonly status?: "success" | "error" | "rate_limited" | "cancelled";
                /** @description Before this moment */
                readonly until?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LogPage"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly model_info: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Yes */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ModelInfoList"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly list_models: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Yes */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ModelList"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_model_v1_models__model_id__get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                readonly model_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Model"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly create_snapshot_v1_snapshots_post: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/gzip": string;
            };
        };
        readonly responses: {
            /** @description Successful Response */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["SnapshotMade"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_status_v1_status_get: {
        readonly parameters: {
            readonly query?: {
                /** @description How far back the figures go */
                readonly minutes?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["StatusNow"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly ui_config: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Yes */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["UiConfig"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_usage_v1_usage_get: {
        readonly parameters: {
            readonly query?: {
                /** @description UTC day; 29 days before `to` if absent */
                readonly from?: string;
                /** @description UTC day, included; today if absent */
                readonly to?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Usage"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    readonly get_secret_v1_webhook_secret_get: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Successful Response */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["WebhookSecret"];
                };
            };
            /** @description Missing, wrong, revoked or expired key */
            readonly 401: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
            /** @description Any other error, in the same shape */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
}
