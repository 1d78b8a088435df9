"""The house in one process is a flow fixture; the graph tests borrow it."""

from tests.flows.conftest import house, open_house

__all__ = ["house", "open_house"]
