"""Where the bot keeps its things. Standard library only, so that verbs that merely ask stay fast."""

from __future__ import annotations

import os
from pathlib import Path

from bot.errors import StartupError

SOCKET_PATH_BYTES = 107  # what the kernel takes, see unix(7)


def data_dir(given: str | None) -> Path:
    """The data directory: `--data-dir`, `$BOT_DATA_DIR`, `$STATE_DIRECTORY`, else `~/.local/state/trading-bot`."""
    for candidate in (given, os.environ.get("BOT_DATA_DIR"), os.environ.get("STATE_DIRECTORY")):
        if candidate:
            return Path(candidate).expanduser().absolute()
    return Path("~/.local/state/trading-bot").expanduser()


def control_socket(directory: Path) -> Path:
    """The control socket of the bot that runs on a data directory; StartupError where the kernel could not name it."""
    path = directory / "ctl.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise StartupError(f"{directory}: the path is too long for a socket in it; give a shorter --data-dir")
    return path
