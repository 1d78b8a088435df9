"""One stage per call with the OpenAI SDK: python examples/clients/chat.py "Add a --json option"

Reads CFX_API_URL (default http://127.0.0.1:8000) and CFX_API_KEY.
"""

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("CFX_API_URL", "http://127.0.0.1:8000") + "/v1",
    api_key=os.environ["CFX_API_KEY"],
)
stream = client.chat.completions.create(
    model="cfx-plan",
    messages=[{"role": "user", "content": " ".join(sys.argv[1:]) or "Add a --json option"}],
    stream=True,
)
for chunk in stream:
    for choice in chunk.choices:
        sys.stdout.write(choice.delta.content or "")
sys.stdout.write("\n")
