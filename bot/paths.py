"""Where the bot keeps its things. Standard library only, so that verbs that merely ask stay fast."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from bot.errors import StartupError

SETTINGS_FILE = "bot.toml"
SOCKET_PATH_BYTES = 107  # what the kernel takes, see unix(7)
SUPERVISION_TEXT_MAX = 50_000  # bytes: such a file is sent in one request, a line of at most 64 KiB


def data_dir(given: str | None) -> Path:
    """The data directory: `--data-dir`, `$BOT_DATA_DIR`, `$STATE_DIRECTORY`, else `~/.local/state/trading-bot`."""
    for candidate in (given, os.environ.get("BOT_DATA_DIR"), os.environ.get("STATE_DIRECTORY")):
        if candidate:
            return Path(candidate).expanduser().absolute()
    return Path("~/.local/state/trading-bot").expanduser()


def control_socket(directory: Path) -> Path:
    """The control socket of the bot that runs on a data directory; StartupError where the kernel could not name it."""
    return _named_by_the_kernel(directory, "ctl.sock")


def vault_socket(directory: Path) -> Path:
    """The socket of the vault that runs on a data directory; raises as `control_socket`."""
    return _named_by_the_kernel(directory, "vault.sock")


def vault_codes(directory: Path) -> Path:
    """What the vault of a data directory remembers of one-time codes."""
    return directory / "vault.codes"


def vault_days(directory: Path) -> Path:
    """What the vault of a data directory remembers of each wallet's day."""
    return directory / "vault.days"


def settings_file(given: str | None, directory: Path) -> Path | None:
    """The settings file: as given, else `bot.toml` in the data directory, None where there is none."""
    default = directory / SETTINGS_FILE
    return Path(given) if given else default if default.exists() else None


def _named_by_the_kernel(directory: Path, name: str) -> Path:
    path = directory / name
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise StartupError(f"{directory}: the path is too long for a socket in it; give a shorter --data-dir")
    return path


def text_of(file: Path, most_bytes: int) -> str:
    """The text of a small file that a person names, which may be a pipe or a device by mistake and must not hold us up.

    Raises OSError, also for what is no regular file or too long, with its reason as `strerror`, and UnicodeDecodeError.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        data = opened.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {most_bytes} bytes")
    return data.decode("utf-8")
