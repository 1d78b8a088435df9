"""A SQLite file has one server; whoever only uses the database is let in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cfx_flow.errors import ConfigError
from cfx_flow.store.one_server import only_server

HOLD = """
import sys, time
from pathlib import Path
from cfx_flow.store.one_server import only_server
with only_server(Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(60)
"""


def test_second_one_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    file = tmp_path / "cfx.db"
    with only_server(file), pytest.raises(ConfigError, match=rf"process {os.getpid()}\) runs on this file"):
        only_server(file).__enter__()
    with only_server(file):
        pass


def test_another_name_of_the_same_file_is_the_same_file(tmp_path: Path) -> None:
    file, link = tmp_path / "cfx.db", tmp_path / "link.db"
    link.symlink_to(file)
    with only_server(file), pytest.raises(ConfigError, match="runs on this file"):
        only_server(link).__enter__()


def test_a_new_folder_is_made_before_anyone_asks_who_is_first(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cfx.db"
    with only_server(file), pytest.raises(ConfigError, match="runs on this file"):
        only_server(file).__enter__()


@pytest.mark.e2e
def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    file = tmp_path / "cfx.db"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid}"):
            only_server(file).__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with only_server(file):
        pass
