"""A local Solana with launches and traders, so that the whole bot runs with no network and no key.

It stands alone: nothing here imports another room, and other rooms meet it through its JSON-RPC and WebSocket doors,
its process (`main`), or, in tests, `bot.localnet.inprocess`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.localnet.cli import Neighbour


def main(argv: Sequence[str], neighbour: Neighbour | None = None) -> int:
    """Run `bot localnet` with these arguments (without the program's name); the exit code.

    `neighbour` is a server beside the chain whose faults the same verbs play.
    """
    from bot.localnet.cli import main as run

    return run(argv, neighbour)
