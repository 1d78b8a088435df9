"""The whole: ChatOpenAI, HTTP, and a scripted provider without delay in a process of its own."""

from __future__ import annotations

from benchmarks.flows.engine import open_flows
from benchmarks.flows.provider import provider


async def measure(flows: int) -> None:
    async with provider() as upstream, open_flows(upstream=upstream) as engine:
        await engine.run()
        for at_once in (1, 16):
            got = await engine.measure(flows, at_once)
            print(
                f"whole     {at_once:>4} at once{got.ms:>10.1f} ms{got.cpu_ms:>10.1f} ms CPU"
                f"{got.per_s:>8.0f} flows/s   {dict(got.outcomes)}"
            )
    print("  must     <= 35 ms CPU (ChatOpenAI and HTTP included, the provider not)")
