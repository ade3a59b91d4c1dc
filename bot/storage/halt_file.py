"""A latched halt beside the database: one small file that survives when the database is away."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from bot.errors import StartupError
from bot.trading.trading_state import Halt


class HaltFile:
    """Written whole and on the disk before anybody relies on it; a bot that finds it at boot comes up halted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, halt: Halt | None) -> None:
        """Write the halt, or remove the file when there is none."""
        if halt is None:
            self._path.unlink(missing_ok=True)
        else:
            draft = self._path.with_name(f".{self._path.name}.new")
            with draft.open("w", encoding="utf-8") as file:
                json.dump(asdict(halt), file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        self._sync_directory()

    def kept(self) -> Halt | None:
        """The halt in the file; StartupError for a file that cannot be read, because guessing would trade."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            return Halt(str(record["cause"]), int(record["since_ms"]), str(record["by"]), str(record["why"]))
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
