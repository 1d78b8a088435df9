"""One stage per call: OpenAI's chat completions, resolved to a stage and relayed."""

from cfx_flow.chat.ask import Ask, FlowWanted, Wishes, read_ask
from cfx_flow.chat.call import ChatCall, cfx_of_failure

__all__ = ["Ask", "ChatCall", "FlowWanted", "Wishes", "cfx_of_failure", "read_ask"]
