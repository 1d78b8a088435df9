import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./client";

const AT_MOST = 3;

/** What the server refuses is not asked again by itself; what it could not do is, a few times. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (count, error) => !(error instanceof ApiError && error.status < 500) && count < AT_MOST,
        retryDelay: (count) => Math.min(500 * 2 ** count, 8_000),
        networkMode: "always", // a server on this machine needs no network
      },
      mutations: { networkMode: "always" },
    },
  });
}
