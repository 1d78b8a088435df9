/** The one way to the API: every answer that is not a 2xx becomes an `ApiError` that carries the server's own words. */
import type { paths } from "./schema";
import { noteReached } from "./reachable";
import { currentSession, type Session, signOut } from "./session";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly requestId: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The server did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached.");
    this.name = "Unreachable";
  }
}

/** A `fetch` with the session's key, whose failures are ours. A token of Supabase that was too old is renewed once. */
export async function call(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const request = new Request(input, init);
  const session = currentSession();
  if (!session || request.headers.has("authorization")) return checked(await reach(request));
  const again = session.kind === "supabase" ? request.clone() : null;
  const response = await reach(as(session, request));
  if (response.status !== 401) return checked(response);
  const fresh = again && (await renewedOf(session));
  const last = again && fresh ? await reach(as(fresh, again)) : response;
  if (last.status === 401) leaveWith(await errorOf(last.clone()), fresh ?? session);
  return checked(last);
}

function as(session: Session, request: Request): Request {
  request.headers.set("authorization", `Bearer ${session.token}`);
  return request;
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw await errorOf(response);
}

/** The session that counts now, with a token that the server has not seen yet; null where it is over. */
async function renewedOf(refused: Session): Promise<Session | null> {
  const { renewed } = await import("./supabase"); // its library is loaded for who signs in so
  return renewed(refused);
}

function leaveWith(error: ApiError, session: Session): void {
  if (currentSession()?.token === session.token) signOut(error.message);
}

async function reach(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    noteReached(true);
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    noteReached(false);
    throw new Unreachable();
  }
}

export async function errorOf(response: Response): Promise<ApiError> {
  const id = response.headers.get("x-cfx-request-id");
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error: { message: string; code?: string | null; param?: string | null } };
    return new ApiError(response.status, String(error.message), error.code ?? null, error.param ?? null, id);
  } catch {
    return new ApiError(response.status, `The server answered ${response.status} ${response.statusText}`.trim() + ".", null, null, id);
  }
}

type Method = "get" | "post" | "delete";
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;
type PathOf<M extends Method> = { [P in keyof paths]: undefined extends paths[P][M] ? never : P }[keyof paths];
type Json<R> = R extends { content: { "application/json": infer J } } ? J : never;
/** What a 2xx holds. */
type Answer<O> = O extends { responses: infer R } ? { [S in keyof R]: S extends 200 | 201 | 202 ? Json<R[S]> : never }[keyof R] : never;
type Part<O, N extends string> = O extends { parameters: { [K in N]?: infer V } } ? NonNullable<V> : never;
type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;

interface Asked<O> {
  readonly path?: Part<O, "path">;
  readonly query?: Part<O, "query">;
  readonly body?: Body<O>;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

async function ask<M extends Method, P extends PathOf<M>>(method: M, path: P, asked: Asked<Operation<P, M>>): Promise<Answer<Operation<P, M>>> {
  const headers: Record<string, string> = { accept: "application/json", ...asked.headers };
  if (asked.body !== undefined) headers["content-type"] = "application/json";
  const body = asked.body === undefined ? null : JSON.stringify(asked.body);
  const response = await call(address(path, asked.path, asked.query), { method: method.toUpperCase(), headers, body, signal: asked.signal ?? null });
  return (await jsonOf(response)) as Answer<Operation<P, M>>;
}

/** A proxy's page, or half an answer, is none: it counts as the server's failure, so that it is asked again. */
export async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(502, "What came is no answer of the API's: something stands before the server, or it was cut off.", null, null, response.headers.get("x-cfx-request-id"));
  }
}

/** Paths, queries, bodies and answers are those of the OpenAPI document. Rejects with ApiError, Unreachable. */
export const get = <P extends PathOf<"get">>(path: P, asked: Asked<Operation<P, "get">> = {}) => ask("get", path, asked);
export const post = <P extends PathOf<"post">>(path: P, asked: Asked<Operation<P, "post">> = {}) => ask("post", path, asked);
export const remove = <P extends PathOf<"delete">>(path: P, asked: Asked<Operation<P, "delete">> = {}) => ask("delete", path, asked);

/** The address of `path` with its `{names}` filled in; what is undefined, null or empty in `query` is left out. */
export function address(path: string, names: object = {}, query: object = {}): string {
  const values = names as Record<string, unknown>;
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") params.append(name, String(one));
    }
  }
  const text = params.toString();
  return text ? `${filled}?${text}` : filled;
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
