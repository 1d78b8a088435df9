"""How much a user may ask for."""

from cfx_flow.limits.daily import Allowance, RateLimiter
from cfx_flow.limits.slots import Claim, Slot, StreamSlots, Talk

__all__ = ["Allowance", "Claim", "RateLimiter", "Slot", "StreamSlots", "Talk"]
