"""A recorded market as the local chain reads it: one file of text, whatever it was recorded as."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from bot.errors import StartupError

TEXT_FILE = "replayed-market.csv"
WITHIN_S = 120.0


async def as_text(market: Path, directory: Path) -> Path:
    """The market itself where it is text, else a file in the data directory made of it: of Parquet, or of a recording's folder.

    Reading Parquet is the work of another process, because it takes memory that a bot has no other use for. Raises
    StartupError with what that process says.
    """
    if market.suffix != ".parquet" and await trio.Path(market).is_file():
        return market
    text = directory / TEXT_FILE
    argv = [sys.executable, "-m", "bot.recorder", "csv", str(market), str(text)]
    with trio.move_on_after(WITHIN_S):
        done = await trio.run_process(argv, capture_stdout=True, capture_stderr=True, check=False)
        if done.returncode == 0:
            return text
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise StartupError(f"{market}: cannot be read as a recorded market: {last[0][:200]}; check --market")
    raise StartupError(f"{market}: was not read within {WITHIN_S:.0f} s; replay a smaller part of it")
