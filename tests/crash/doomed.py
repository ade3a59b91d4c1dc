"""The real bot, with a SIGKILL to itself before or after one call of a port: `python -m tests.crash.doomed run ...`.

The environment names the doom (`DOOM_POINT`, `DOOM_AFTER`, `DOOM_COUNT`). The product knows nothing of it: its adapters
are handed on through doors. The first argument and the rest are those of `bot`.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, replace
from typing import Any, cast

from bot import app, cli
from bot.adapters import Adapters
from bot.ports import Chain, Store, Vault
from tests.crash.points import point_at, points
from tests.simulation.doors import Call, Door, Life

POINT, AFTER, COUNT = "DOOM_POINT", "DOOM_AFTER", "DOOM_COUNT"


@dataclass(slots=True)
class Kill:
    """Ends this process at the `count`-th time that the point is reached."""

    point: str
    is_after: bool
    count: int

    async def before(self, call: Call) -> None:
        if point_at(call.file, call.line) == self.point:
            self.count -= 1
            if not self.is_after:
                self._now()

    async def after(self, call: Call, answer: Any) -> None:
        if self.is_after and point_at(call.file, call.line) == self.point:
            self._now()

    def _now(self) -> None:
        if self.count <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """`bot` with these arguments, doomed."""
    point = os.environ[POINT]
    if point not in points():
        raise SystemExit(f"there is no point {point!r}")
    life = Life(watches=(Kill(point, os.environ[AFTER] == "1", int(os.environ.get(COUNT, "1"))),))

    def doomed(**named: Any) -> Adapters:
        """The adapters as the bot makes them, seen through doors."""
        made = Adapters(**named)
        return replace(
            made,
            store=cast(Store, Door("store", made.store, life)),
            chain=cast(Chain, Door("chain", made.chain, life)),
            vault=cast(Vault, Door("vault", made.vault, life)),
        )

    app.Adapters = doomed  # type: ignore[assignment, attr-defined]
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
