"""The loop as a LangGraph graph. Only this room knows LangGraph and LangChain."""
