"""A latched halt beside the database: one small file that survives when the database is away."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bot.errors import StartupError
from bot.trading.trading_state import Halt

RESERVED_BYTES = 4_096


def halt_text(halt: Halt) -> str:
    """A halt as the file has it."""
    return json.dumps(asdict(halt))


def halt_of_text(text: str) -> Halt:
    """Raises ValueError, KeyError or TypeError for a text that is no halt."""
    record = json.loads(text)
    return Halt(str(record["cause"]), int(record["since_ms"]), str(record["by"]), str(record["why"]))


class HaltFile:
    """Written whole and on the disk before anybody relies on it; a bot that finds it at boot comes up halted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.new")

    def reserve(self) -> None:
        """Take the blocks of a halt from the disk now, so that one can be kept when the disk is full; raises OSError."""
        self._write_draft("")

    def keep(self, halt: Halt | None) -> None:
        """Write the halt, or remove the file when there is none; raises OSError."""
        if halt is not None:
            self._write_draft(halt_text(halt))
            self._draft.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)
        self._sync_directory()
        if halt is None:
            # The halt is over whether or not the disk has room for the next one.
            with suppress(OSError):
                self.reserve()

    def _write_draft(self, text: str) -> None:
        """Over the blocks that the draft has already; blanks fill them up and mean nothing to JSON."""
        with self._draft.open("r+b" if self._draft.exists() else "wb") as file:
            file.write(text.encode().ljust(RESERVED_BYTES))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def kept(self) -> Halt | None:
        """The halt in the file; StartupError for a file that cannot be read, because guessing would trade."""
        try:
            return halt_of_text(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise StartupError(
                f"{self._path}: a halt was latched here and cannot be read; look into why, then remove the file"
            ) from None

    def _sync_directory(self) -> None:
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
