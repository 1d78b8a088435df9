"""Driving a flow over HTTP, and the scripts that make the three models behave."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.processes import child_environ, wait_for
from tests.support.provider import CODE, PLAN, REVIEW

FINAL = {"approved", "rejected", "failed", "cancelled"}


def plan_text(*paths: str, head: str = "# Plan", **contract: Any) -> str:
    """A plan whose contract allows to modify these files, or to do with one what stands before it."""
    rows = [path.rpartition(" ") for path in paths]
    body = {
        "files": [{"path": p, "operation": o or "modify", "purpose": "as the task says"} for o, _, p in rows]
    }
    block = json.dumps(body | contract, indent=2)
    return f"{head}\n\nScripted reply, no model is behind it.\n\n```json cfx-plan\n{block}\n```\n"


PLAN_TEXT = plan_text("greet.py")
FILES = {"greet.py": 'def greet(name):\n    return "Hello " + name\n', "README.md": "# Greeter\n"}
GOOD_DIFF = """\
diff --git a/greet.py b/greet.py
--- a/greet.py
+++ b/greet.py
@@ -1,2 +1,2 @@
 def greet(name):
-    return "Hello " + name
+    return f"Hello {name}!"
"""
BAD_DIFF = GOOD_DIFF.replace('"Hello " + name', '"Goodbye " + name')
"""Its removed line is not in the file."""
FILES_AFTER = FILES | {"greet.py": 'def greet(name):\n    return f"Hello {name}!"\n'}


def says(content: str, **fields: Any) -> dict[str, Any]:
    return {"content": content, **fields}


def verdict(kind: str, *findings: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A reviewer's reply."""
    review = {"verdict": kind, "summary": f"Scripted: {kind}.", "findings": list(findings)}
    return says(json.dumps(review), **fields)


def finding(message: str, *, file: str = "greet.py", line: int = 2) -> dict[str, Any]:
    return {"severity": "major", "file": file, "line": line, "rule": "style", "message": message}


def loop(
    code: list[dict[str, Any]],
    review: list[dict[str, Any]] | None = None,
    plan: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The rules for one flow: what each stage's model answers, in order."""
    return [
        {"model": PLAN, "replies": plan or [says(PLAN_TEXT)]},
        {"model": CODE, "replies": code},
        {"model": REVIEW, "replies": review or [verdict("approve")]},
    ]


@dataclass
class Flows:
    """``/v1/flows`` as one user sees it."""

    client: httpx.Client

    def start(
        self, task: str = "Greet with an exclamation mark", files: dict[str, str] | None = None, **fields: Any
    ) -> str:
        body = {"task": task, "workspace": {"files": files or FILES}, **fields}
        answer = self.client.post("/v1/flows", json=body)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"].endswith(answer.json()["id"])
        return str(answer.json()["id"])

    def get(self, flow_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/v1/flows/{flow_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def finish(self, flow_id: str, *, timeout_s: float = 120) -> dict[str, Any]:
        """The flow once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            flow = self.get(flow_id)
            return flow if flow["status"] in FINAL else None

        return wait_for(ended, timeout_s=timeout_s, what=f"end of flow {flow_id}", every_s=0.1)

    def run(self, *arguments: Any, **fields: Any) -> dict[str, Any]:
        return self.finish(self.start(*arguments, **fields))

    def gate_or_end(self, flow_id: str) -> dict[str, Any]:
        """The flow once it waits for a person, or has ended."""

        def stopped() -> dict[str, Any] | None:
            flow = self.get(flow_id)
            return flow if flow["status"] in FINAL | {"requires_action"} else None

        return wait_for(stopped, timeout_s=120, what=f"gate or end of flow {flow_id}", every_s=0.1)

    def finish_with_a_person(self, flow_id: str) -> dict[str, Any]:
        """As ``finish``, with somebody at hand who approves what the policy asks about."""
        flow = self.gate_or_end(flow_id)
        if flow["status"] == "requires_action":
            said = {"gate": flow["gate"], "decision": "approve", "version": flow["version"]}
            assert self.client.post(f"/v1/flows/{flow_id}/decision", json=said).status_code == 200
        return self.finish(flow_id)

    def cancel(self, flow_id: str) -> httpx.Response:
        return self.client.post(f"/v1/flows/{flow_id}/cancel")

    def diff(self, flow_id: str) -> str:
        answer = self.client.get(f"/v1/flows/{flow_id}/diff")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/x-diff")
        return answer.content.decode()

    def events(self, flow_id: str, after: int = 0) -> list[dict[str, Any]]:
        answer = self.client.get(f"/v1/flows/{flow_id}/events", params={"after": after})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def types(self, flow_id: str) -> list[str]:
        """The events' types in order, without the progress ticks (their number depends on the clock)."""
        return [event["type"] for event in self.events(flow_id) if event["type"] != "step.progressed"]

    def stream(self, flow_id: str, last_event_id: str | None = None) -> Iterator[dict[str, Any]]:
        """The SSE events as they come, each with its ``id`` and ``event`` fields beside the data."""
        headers = {"Accept": "text/event-stream"} | (
            {"Last-Event-ID": last_event_id} if last_event_id else {}
        )
        with self.client.stream("GET", f"/v1/flows/{flow_id}/events", headers=headers) as answer:
            if answer.status_code == 204:  # nothing is left to tell: an EventSource does not come back
                return
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line == "" and fields:
                    yield {"id": fields["id"], "event": fields["event"], "data": json.loads(fields["data"])}
                    fields = {}
                elif line and not line.startswith(":"):
                    fields[name] = value


def git_apply(diff: str, files: dict[str, str], folder: Path) -> dict[str, str]:
    """The files after ``git apply``, which knows nothing of our parser."""
    write_files(folder, files)
    env = child_environ(GIT_CEILING_DIRECTORIES=str(folder.parent), GIT_CONFIG_GLOBAL="/dev/null")
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"], cwd=folder, input=diff.encode(), env=env, check=True
    )
    return read_files(folder)


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def read_files(folder: Path) -> dict[str, str]:
    """Every file below, except git's own."""
    paths = (
        path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in paths}
