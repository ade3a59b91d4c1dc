"""Where the tests of the chain find a real local cluster and the recorded data of third parties."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

START_DEADLINE_S = 30


@pytest.fixture(scope="session")
def localnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A local chain in a process of its own with two endpoints, short slots and no market; what it says when ready.

    `directory` is added to that: where its control socket lies.
    """
    directory = tmp_path_factory.mktemp("localnet")
    options = [
        "--data-dir",
        str(directory),
        "--port",
        "0",
        "--slot-ms",
        "20",
        "--no-market",
        "--seed",
        "5",
        "--endpoints",
        "2",
    ]
    command = [sys.executable, "-m", "bot.localnet", *options, "--parent-pid", str(os.getpid())]
    with (directory / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        ready = directory / "localnet.json"
        deadline = time.monotonic() + START_DEADLINE_S
        while not ready.exists():
            assert process.poll() is None, (directory / "log").read_text()
            assert time.monotonic() < deadline, "the local chain did not get ready"
            time.sleep(0.02)
        yield {**json.loads(ready.read_text()), "directory": directory}
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of other people's data; tests that need it skip where it is not named."""
    folder = os.environ.get("BOT_SHARED_DATA")
    if not folder:
        pytest.skip("BOT_SHARED_DATA does not name the folder of recorded transactions and interface descriptions")
    return Path(folder)
