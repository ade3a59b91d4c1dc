"""A local chain of its own for a benchmark of followed wallets: `python -m tests.bench.followed_chain DIRECTORY SEED PARENT`.

Thousands of wallets buy at a rate, from the moment at which there is a file `go` in the directory. The file `blocks` gets
a line for each block as it is made: its slot, the reading of a clock that all processes of the machine share, and how many
of those wallets' trades landed in it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import trio
from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet.chain import Chain
from bot.localnet.cluster import Cluster
from bot.localnet.doors.control import socket_path
from bot.localnet.market.pool import Pool, derived_keypair
from bot.localnet.process import Options, _run_doors
from bot.localnet.records import Block

TRADERS = 10_000
TRADES_PER_S = 50
SLOT_MS = 400
COINS = 20
SPEND_LAMPORTS = 1_000_000
SLIPPAGE_BPS = 5_000
PRICE_MICRO_LAMPORTS = 100_000


def wallets(seed: int) -> list[str]:
    """The addresses of everybody who trades on the chain of this seed."""
    return [str(derived_keypair("trader", seed, number).pubkey()) for number in range(TRADERS)]


class FollowedMarket:
    """The market of that chain: some coins at its beginning, and small buys of drawn wallets."""

    name = "followed"

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory, self._seed = directory, seed
        self._pool = Pool(seed, traders=TRADERS, creators=1)
        self._mints = [derived_keypair("mint", seed, number) for number in range(COINS)]
        self._draw = random.Random(seed)
        self._launched = False

    def genesis_accounts(self) -> Iterable[tuple[Pubkey, Account]]:
        return self._pool.genesis_accounts()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """It begins anew each time."""

    def step(self, slot_ms: int, chain: Chain) -> Iterable[VersionedTransaction]:
        [creator] = self._pool.creators
        if not self._launched:
            self._launched = True
            for mint in self._mints:
                yield self._pool.launch(mint, creator, chain, name="Coin", symbol="COIN", uri="https://example.invalid")
        elif (self._directory / "go").exists():
            for _ in range(TRADES_PER_S * slot_ms // 1_000):
                trader, coin = self._draw.choice(self._pool.traders), self._draw.choice(self._mints).pubkey()
                bought = self._pool.buy(
                    trader,
                    coin,
                    creator.pubkey(),
                    chain,
                    spend_lamports=SPEND_LAMPORTS,
                    slippage_bps=SLIPPAGE_BPS,
                    price_micro_lamports=PRICE_MICRO_LAMPORTS,
                )
                assert bought is not None
                yield bought

    def observe(self, block: Block, chain: Chain) -> None:
        landed = [one.record for one in block.transactions if self.owns(one.record.account_keys[0])]
        trades = sum(record.error is None for record in landed) if (self._directory / "go").exists() else 0
        with (self._directory / "blocks").open("a") as blocks:
            blocks.write(f"{block.slot} {time.perf_counter()} {trades}\n")

    def drain_changes(self) -> dict[str, bytes | None]:
        return {}

    def owns(self, fee_payer: str) -> bool:
        return self._pool.owns(fee_payer)

    def statistics(self) -> dict[str, Any]:
        return {"name": self.name}


async def _serve(directory: Path, seed: int, parent_pid: int) -> None:
    options = Options(directory, 0, seed, SLOT_MS, None, 1.0, market=True, parent_pid=parent_pid, endpoints=2)
    cluster = Cluster.open(
        directory,
        seed=seed,
        salt=time.time_ns().to_bytes(8, "little"),
        time_s=int(time.time()),
        clock=trio.current_time,
        make_market=lambda drawn: FollowedMarket(directory, drawn),
        slot_ms=SLOT_MS,
        endpoints=options.endpoints,
    )
    try:
        await _run_doors(options, cluster, socket_path(directory))
    finally:
        cluster.close()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(mode=0o700)
    trio.run(_serve, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
