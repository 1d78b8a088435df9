import { expect, test } from "vitest";
import { address, errorOf, jsonOf } from "./client";

test("names and queries are encoded; what is not there is left out; lists are named again", () => {
  expect(address("/v1/flows/{flow_id}/steps/{n}", { flow_id: "a/../b?", n: 3 })).toBe("/v1/flows/a%2F..%2Fb%3F/steps/3");
  expect(address("/v1/flows", {}, { status: ["failed", "queued"], cursor: "", since: undefined, limit: 5 })).toBe("/v1/flows?status=failed&status=queued&limit=5");
});

test("an error is shown in the server's words", async () => {
  const body = JSON.stringify({ error: { message: "budget.usd: this server allows at most 1.", type: "invalid_request_error", param: "budget.usd", code: "invalid_request" } });
  const error = await errorOf(new Response(body, { status: 400, headers: { "x-cfx-request-id": "r1" } }));
  expect(error).toMatchObject({ status: 400, message: "budget.usd: this server allows at most 1.", param: "budget.usd", code: "invalid_request", requestId: "r1" });
});

test.each(["<html>Bad gateway</html>", "", "null", '{"error": null}', '"text"'])("what is no error of ours is told by its status: %j", async (body) => {
  const error = await errorOf(new Response(body, { status: 502, statusText: "Bad Gateway" }));
  expect(error.message).toBe("The server answered 502 Bad Gateway.");
});

test.each(["<h1>Hello</h1>", '{"data": [', ""])("what is no JSON is no answer of the API's: %j", async (body) => {
  await expect(jsonOf(new Response(body, { status: 200 }))).rejects.toMatchObject({ status: 502, message: expect.stringContaining("no answer of the API's") });
});
