"""How much a user may ask for."""

from cfx_flow.limits.daily import Allowance, RateLimiter
from cfx_flow.limits.sql import SqlRateLimiter

__all__ = ["Allowance", "RateLimiter", "SqlRateLimiter"]
