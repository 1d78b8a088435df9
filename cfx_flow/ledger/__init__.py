"""What was asked, of whom, and what it cost."""

from cfx_flow.ledger.budgets import Budgets
from cfx_flow.ledger.meter import Meter
from cfx_flow.ledger.record import CallRecord
from cfx_flow.ledger.request_log import RequestLog

__all__ = ["Budgets", "CallRecord", "Meter", "RequestLog"]
