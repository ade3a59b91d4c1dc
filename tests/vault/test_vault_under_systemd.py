"""The vault as a unit of its own: systemd hears that it serves and that it lives."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.whole.real import clean_environment

WITHIN_S = 30.0
WATCHDOG_USEC = "600000"


def test_systemd_hears_that_the_vault_serves_and_then_its_signs_of_life(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WITHIN_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "--data-dir", str(directory), "vault", "--profile", "local", "--make-key"],
            env={**clean_environment(), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": WATCHDOG_USEC},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            first = systemd.recv(4096).decode().split("\n")
            assert (
                first[0] == "READY=1" and first[1].startswith("STATUS=the vault serves ") and first[2] == "WATCHDOG=1"
            )
            assert [systemd.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert (directory / "vault.sock").is_socket()
        finally:
            process.terminate()
            assert process.wait(WITHIN_S) is not None
            assert process.stdout is not None
            process.stdout.close()
