"""A local Solana with launches and traders, so that the whole bot runs with no network and no key.

It stands alone: nothing here imports another room, and other rooms meet it through its JSON-RPC and WebSocket doors,
its process (`main`), or, in tests, `bot.localnet.inprocess`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run `bot localnet` with these arguments (without the program's name); the exit code."""
    from bot.localnet.cli import main as run

    return run(argv)
