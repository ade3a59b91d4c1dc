"""Rotates the master key of a thousand wallets on PostgreSQL while exits are signed, and again under SIGKILL, to its end.

`make rotation`, or `python -m tests.vault.rotation_campaign --wallets 1000 --kills 10 --seed 7`. It takes about a minute, so it
is no part of the test suite. The vault is a process of its own, as in production. Exit code 1 when an exit was not signed, when a
wallet does not open under the newest key alone, or when a rotation that was killed did not go on where it was.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast

import trio

from actors.runtime import ChildSpec, Report, SupervisorSpec, open_supervisor
from bot import logs
from bot.clock import system_clock
from bot.errors import KeyUnavailable
from bot.execution.sealed_keys import SealedKeys
from bot.key_age import KeyAge
from bot.key_rotation import KeyRotation
from bot.paths import vault_socket
from bot.ports import NoteKind, Store, User, Wallet
from bot.storage.address import address_of_url
from bot.storage.store import open_store
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey, read_master_key
from bot.vault.socket_vault import open_socket_vault
from bot.vault_child import VaultChild
from tests.storage.server_thread import running_server
from tests.vault.vault_samples import closing, guard

VARIABLE = "ROTATED_DATABASE"
QUIET_S = 5.0
EXITS_EVERY_S = 0.01
SIGNERS = 4  # as many exits may be asked for at once
LIFE_WITHIN_S = 300
KEYS = ("prod-1", "prod-2", "prod-3")


@dataclass(slots=True)
class Exits:
    """Exits of all wallets in turn, and how long each signature took, in milliseconds, from the row to the 64 bytes."""

    keys: SealedKeys
    wallets: Sequence[Wallet]
    took_ms: list[float] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    async def go_on(self) -> None:
        """One signer, until cancelled; whatever is not signed ends this life with an error."""
        draw = random.Random(next(self._numbers))
        while True:
            number = next(self._numbers)
            wallet = draw.choice(self.wallets)
            began_s = trio.current_time()
            signature = await self.keys.sign(wallet, closing(wallet.address, number, f"intent {os.getpid()} {number}"))
            assert len(signature) == 64
            self.took_ms.append((trio.current_time() - began_s) * 1000)
            await trio.sleep(EXITS_EVERY_S)


async def life(folder: Path, newest: str) -> None:
    """One life of a bot: it signs exits, is quiet for a while, and rotates to its newest key from wherever that is."""
    (folder / "bot.toml").write_text(
        f'[wallets]\nmaster_key_file = "{folder / newest}.key"\nformer_keys = "{folder}"\n', encoding="utf-8"
    )
    child = VaultChild(folder, "local", folder / "bot.toml", lambda _: None)
    spec = SupervisorSpec("foundation", "one_for_one", (ChildSpec("vault", child.run),), intensity=0, period_s=60)
    async with (
        open_supervisor(spec, report=list[Report]().append),
        open_socket_vault(vault_socket(folder), lambda: 1, lambda: None) as vault,
        open_store(address_of_url(os.environ[VARIABLE])) as store,
    ):
        exits = Exits(SealedKeys(cast(Store, store), vault, lambda _: None, lambda _: None), await store.wallets())
        rotation = KeyRotation(cast(Store, store), vault, KeyAge(folder, system_clock()))
        async with trio.open_nursery() as nursery:
            for _ in range(SIGNERS):
                nursery.start_soon(exits.go_on)
            tell({"lives": os.getpid()})
            await trio.sleep(QUIET_S)
            quiet, exits.took_ms = exits.took_ms, []
            began_s, done, failed, after = trio.current_time(), 0, 0, cast("str | None", "")
            while after is not None:
                answer = await rotation.rotate(after)
                done, failed, after = done + answer["done"], failed + answer["failed"], answer["after"]
                tell({"done": done})
            took_s = trio.current_time() - began_s
            tell(
                {
                    "ended": done,
                    "failed": failed,
                    "took_s": took_s,
                    "quiet": figures(quiet),
                    "rotating": figures(exits.took_ms),
                }
            )
            nursery.cancel_scope.cancel()


def tell(record: dict[str, Any]) -> None:
    """One line for the campaign, which reads them as they come."""
    print(json.dumps(record), flush=True)


def figures(took_ms: Sequence[float]) -> dict[str, float]:
    """Count, median, 99th percentile and the longest of some times."""
    ordered = sorted(took_ms)
    return {
        "count": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[len(ordered) * 99 // 100], 2),
        "max_ms": round(ordered[-1], 2),
    }


# ------------------------------------------------------------------------------------------------------------ campaign


def lived(folder: Path, dsn: str, newest: str, kill_after: int | None, draw: random.Random) -> dict[str, Any] | None:
    """A life to its end, or to its SIGKILL within the step behind `kill_after` steps; what it said last, None when killed."""
    argv = [sys.executable, "-m", "tests.vault.rotation_campaign", "--life", str(folder), newest]
    steps = 0
    with subprocess.Popen(argv, env={**os.environ, VARIABLE: dsn}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            record: dict[str, Any] = json.loads(line)
            if "ended" in record:
                process.wait(LIFE_WITHIN_S)
                assert process.returncode == 0, f"a life ended with {process.returncode}"
                return record
            steps += "done" in record
            if kill_after is not None and steps > kill_after:
                time.sleep(draw.uniform(0, 0.2))
                process.kill()
                process.wait(LIFE_WITHIN_S)
                return None
    raise AssertionError(f"a life ended with {process.returncode} and did not say why")


async def peopled(folder: Path, dsn: str, wallets: int) -> None:
    """Users with a wallet and a note each under the first key."""
    vault = LocalVault(read_master_key(folder / f"{KEYS[0]}.key"), guard())
    async with open_store(address_of_url(dsn)) as store:
        for name in (f"user-{place:05}" for place in range(wallets)):
            address, key = await vault.create_key(name)
            wallet = Wallet(f"w-{name}", name, address, Mode.LIVE)
            await store.create_user(User(name, name, None, Mode.LIVE, ""), wallet, key, UserSettings())
            made = await vault.new_code(name, None, "")
            await store.keep_notes(name, {NoteKind.PENDING: made.pending}, "made", 0)


async def under(dsn: str, key: MasterKey) -> tuple[dict[str, int], dict[str, int], int]:
    """Under which keys the rows of wallets and of notes are, and how many wallets open with this one alone."""
    alone, opened = LocalVault(key, guard()), 0
    async with open_store(address_of_url(dsn)) as store:
        for wallet in await store.wallets():
            try:
                await alone.check_key(wallet, await store.sealed_key(wallet.id))
                opened += 1
            except KeyUnavailable:
                continue
        return dict(await store.sealed_under()), dict(await store.notes_under()), opened


def campaign(folder: Path, dsn: str, wallets: int, kills: int, seed: int) -> bool:
    """Both rotations; whether all of it held."""
    draw = random.Random(seed)
    trio.run(peopled, folder, dsn, wallets)
    told = lived(folder, dsn, KEYS[1], None, draw)
    assert told is not None
    print(f"{told['ended']} wallets rotated in {told['took_s']:.1f} s, {told['failed']} failed")
    for when in ("quiet", "rotating"):
        print(f"exits while {when}: {told[when]}")
    died = 0
    for _ in range(kills):
        ended = lived(folder, dsn, KEYS[2], draw.randint(0, 2), draw)
        sealed, notes, _ = trio.run(under, dsn, read_master_key(folder / f"{KEYS[2]}.key"))
        print(f"{'killed' if ended is None else 'ended'}: wallets {sealed}, notes {notes}")
        died += ended is None
        if ended is not None:
            break
    last = lived(folder, dsn, KEYS[2], None, draw)
    sealed, notes, opened = trio.run(under, dsn, read_master_key(folder / f"{KEYS[2]}.key"))
    print(f"after {died} kills: wallets {sealed}, notes {notes}, {opened} open with {KEYS[2]} alone; last life {last}")
    whole = {KEYS[2]: wallets}
    return told["ended"] == wallets and (sealed, notes, opened) == (whole, whole, wallets)


def main() -> int:
    """The campaign, or one life of it."""
    logs.configure("error")
    if sys.argv[1:2] == ["--life"]:
        trio.run(life, Path(sys.argv[2]), sys.argv[3])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wallets", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="bot-rotation-") as name:
        folder = Path(name)
        for key_id in KEYS:
            file = folder / f"{key_id}.key"
            file.write_text(f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}\n", encoding="ascii")
            file.chmod(0o600)
        with running_server(folder / "pg") as address:
            held = campaign(folder, address.dsn, asked.wallets, asked.kills, asked.seed)
    print("it held" if held else "IT DID NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
