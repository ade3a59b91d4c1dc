"""The database's faults on the command line: `bot localnet` meets the running bot here. Imports nothing heavy.

The chain plays its faults in a process of its own; those of the database are played by the bot, whose child the server is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot import control
from bot.localnet.client import SUBDIRECTORY, NotRunning, Refused
from bot.paths import control_socket


class DatabaseFaults:
    """Implements `bot.localnet.cli.Neighbour` by the control socket of the bot on the same data directory."""

    fault_names = ("db-down", "db-hang")

    def fault(self, directory: Path, name: str, for_s: float) -> dict[str, Any]:
        """Start one; the answer has the faults that are on. Raises NotRunning, and Refused with the bot's reason."""
        return self._ask(directory, {"verb": "fault", "name": name, "for_s": for_s})

    def clear(self, directory: Path) -> int:
        """How many were ended; 0 where no bot runs, because a chain may run by itself."""
        try:
            return int(self._ask(directory, {"verb": "clear"})["cleared"])
        except NotRunning:
            return 0

    def faults(self, directory: Path) -> list[dict[str, Any]]:
        """Those that are on; none where no bot runs."""
        try:
            return list(self._ask(directory, {"verb": "faults"})["faults"])
        except NotRunning:
            return []

    def _ask(self, directory: Path, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the bot of a data directory, or of the one whose `localnet` folder it is."""
        if not control_socket(directory).exists() and directory.name == SUBDIRECTORY:
            directory = directory.parent
        try:
            return control.ask(control_socket(directory), request)
        except control.NotRunning as error:
            raise NotRunning(str(error)) from None
        except control.Refused as error:
            raise Refused(str(error)) from None
