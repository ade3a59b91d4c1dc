"""Where the bot keeps its things. Standard library only, so that verbs that merely ask stay fast."""

from __future__ import annotations

import os
from pathlib import Path


def data_dir(given: str | None) -> Path:
    """The data directory: `--data-dir`, `$BOT_DATA_DIR`, `$STATE_DIRECTORY`, else `~/.local/state/trading-bot`."""
    for candidate in (given, os.environ.get("BOT_DATA_DIR"), os.environ.get("STATE_DIRECTORY")):
        if candidate:
            return Path(candidate).expanduser().absolute()
    return Path("~/.local/state/trading-bot").expanduser()


def control_socket(directory: Path) -> Path:
    """The control socket of the bot that runs on a data directory."""
    return directory / "ctl.sock"
