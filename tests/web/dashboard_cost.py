"""Measures what `bot web` costs while one browser looks at an idle bot: `python -m tests.web.dashboard_cost`.

Processor time of the dashboard's process by /proc/PID/stat, over half a minute, with and without somebody who looks; of the bot's
process too, whose difference is what it takes to answer. The bot is real and idle: its snipers are off and nothing is held.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

from tests.web.dashboard_process import Dashboard, dashboard
from tests.whole.real import RealBot, real_bot

MEASURED_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print three lines; returns the exit code."""
    with real_bot("") as bot:
        bot.start()
        bot.until_open()
        bot.snipers_off()
        bot.until_flat()
        with dashboard(bot.directory) as page:
            print(f"nobody looks: {_shares(bot, page)}")
            with page.following() as stream:
                stream.until("level 1, healthy")
                ended = threading.Event()
                reader = threading.Thread(target=_read, args=(stream.stream, ended), daemon=True)
                reader.start()
                print(f"one page open: {_shares(bot, page)}")
                ended.set()
                reader.join()
        bot.stop()
    return 0


def _read(stream: socket.socket, ended: threading.Event) -> None:
    """Take what is pushed, as a browser does."""
    while not ended.is_set():
        stream.recv(65_536)


def _shares(bot: RealBot, page: Dashboard) -> str:
    assert bot.process is not None
    pids = {"bot web": page.process.pid, "bot run": bot.process.pid}
    before = {name: _cpu_s(pid) for name, pid in pids.items()}
    began_s = time.monotonic()
    time.sleep(MEASURED_S)
    passed_s = time.monotonic() - began_s
    return ", ".join(
        f"{name} {(_cpu_s(pid) - before[name]) / passed_s * 100:.2f} % of a core" for name, pid in pids.items()
    )


def _cpu_s(pid: int) -> float:
    """utime and stime, by proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


if __name__ == "__main__":
    sys.exit(main())
