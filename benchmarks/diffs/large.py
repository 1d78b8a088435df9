"""One diff of 5 MB over 2,000 files."""

from __future__ import annotations

import time

from cfx_flow.diffs import check

FILES, LINES, HUNKS = 2_000, 120, (10, 50, 90)


def large() -> None:
    files, text = _case()
    waited, worked = [], []
    for _ in range(5):
        started, cpu_started = time.perf_counter(), time.process_time()
        result = check(text, files)
        waited.append(time.perf_counter() - started)
        worked.append(time.process_time() - cpu_started)
    print(
        f"\n{len(text) / 1e6:.1f} MB, {FILES:,} files: {type(result).__name__} in {min(waited):.2f} s, "
        f"{min(worked):.2f} s of CPU"
    )


def _case() -> tuple[dict[str, str], str]:
    files: dict[str, str] = {}
    diff: list[str] = []
    for number in range(FILES):
        path = f"src/pkg{number % 40}/mod{number}.py"
        lines = [f"    value_{number}_{at} = compute({at}, {number * at})" for at in range(LINES)]
        files[path] = "\n".join(lines) + "\n"
        diff += [f"diff --git a/{path} b/{path}", f"--- a/{path}", f"+++ b/{path}"]
        for start in HUNKS:
            old = lines[start : start + 14]
            diff.append(f"@@ -{start + 1},14 +{start + 1},14 @@")
            diff += [f" {line}" for line in old[:3]]
            diff += [f"-{line}" for line in old[3:11]]
            diff += [f"+{line.replace('compute', 'calculate')}" for line in old[3:11]]
            diff += [f" {line}" for line in old[11:]]
    return files, "\n".join(diff) + "\n"
