"""What everybody who runs a process of its own waits for."""

from __future__ import annotations

import os
import subprocess

import trio


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait until the process has ended; its exit code. Any number of tasks may wait."""
    while process.poll() is None:
        handle = os.pidfd_open(process.pid)
        try:
            await trio.lowlevel.wait_readable(handle)
        finally:
            os.close(handle)
    await trio.lowlevel.checkpoint()
    return process.returncode
