"""A whole flow over HTTP: python examples/clients/flow.py "Say hello to the world" hello.py

Reads CFX_API_URL (default http://127.0.0.1:8000) and CFX_API_KEY; TESTS may name a test policy of the server.
Prints the timeline, then the patch.
"""

import json
import os
import sys
from pathlib import Path

import httpx

task, *paths = sys.argv[1:]
api = httpx.Client(
    base_url=os.environ.get("CFX_API_URL", "http://127.0.0.1:8000"),
    headers={"Authorization": f"Bearer {os.environ['CFX_API_KEY']}"},
    timeout=60,
)
files = {path: Path(path).read_text() for path in paths}
wanted = {"task": task, "workspace": {"files": files}, "tests": os.environ.get("TESTS")}
created = api.post("/v1/flows", json=wanted).raise_for_status()
links = created.json()["links"]

with api.stream("GET", links["events"], headers={"Accept": "text/event-stream"}) as events:
    for line in events.iter_lines():
        if line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            said = event["stage"] or (event["data"]["message"] if event["type"].startswith("tests.") else "")
            sys.stdout.write(f"{event['seq']:>3}  {event['type']}  {said}\n")

flow = api.get(links["self"]).json()
sys.stdout.write(f"\n{flow['status']}: {flow['message']}\n\n")
if flow["status"] == "approved":
    sys.stdout.write(api.get(links["diff"]).text)
