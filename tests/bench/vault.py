"""One signature by the vault in this process, and by the one that is a process of its own: alone, and many at once."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import trio

from actors.runtime import ChildSpec, Report, SupervisorSpec, open_supervisor
from bot.paths import vault_socket
from bot.ports import SealedKey, Signing, Vault, Wallet
from bot.trading.intent import Mode
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import make_local_key
from bot.vault.socket_vault import open_socket_vault
from bot.vault_child import VaultChild
from tests.bench.measure import Metrics, Rounds, compete_inside, wall_s
from tests.bench.table import Line, duration, line
from tests.vault.vault_samples import closing, guard

ROUNDS = 7
SIGNATURES = 200
AT_ONCE = 100
INSIDE, OUTSIDE = "in this process", "by the socket"


def vault(draw: random.Random) -> list[Line]:
    """Time on the wall: what the process of the vault burns is not in our CPU time, and a signature waits for it."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = trio.run(_measure, Path(folder), draw)
    return [
        line(rounds, f"one signature by the vault's socket, {how}", f"{OUTSIDE} {by}", f"{INSIDE} {by}", duration)
        for how, by in (("one after the other", 1), (f"{AT_ONCE} at once", AT_ONCE))
    ]


async def _measure(folder: Path, draw: random.Random) -> Rounds:
    inside = LocalVault(make_local_key(folder / "master.key"), guard())
    child = VaultChild(folder, "local", None, lambda _: None)
    spec = SupervisorSpec("foundation", "one_for_one", (ChildSpec("vault", child.run),), intensity=0, period_s=60)
    async with (
        open_supervisor(spec, report=list[Report]().append),
        open_socket_vault(vault_socket(folder), lambda: 1, lambda: None) as outside,
    ):
        address, key = await inside.create_key("user")
        wallet = Wallet("w", "user", address, Mode.LIVE)
        signers = [Signer(name, one, wallet, key) for name, one in ((INSIDE, inside), (OUTSIDE, outside))]
        turns = [partial(one.turn, by) for one in signers for by in (1, AT_ONCE)]
        return await compete_inside(turns, rounds=ROUNDS, draw=draw)


_numbers = count()


@dataclass(frozen=True, slots=True)
class Signer:
    """One of the two, and what it is called in the table."""

    name: str
    vault: Vault
    wallet: Wallet
    key: SealedKey

    async def turn(self, by: int) -> Metrics:
        """All signatures, by so many tasks at once; each is of a message of its own."""
        numbers = [next(_numbers) for _ in range(SIGNATURES)]
        asked = [closing(self.wallet.address, number, f"intent {number}") for number in numbers]
        began_s = wall_s()
        async with trio.open_nursery() as nursery:
            for place in range(by):
                nursery.start_soon(self._sign, asked[place::by])
        return {f"{self.name} {by}": (wall_s() - began_s) / SIGNATURES}

    async def _sign(self, asked: Sequence[Signing]) -> None:
        for one in asked:
            await self.vault.sign(self.wallet, self.key, one)
