"""Which vault a start signs by: one in this process, a child's, or one that runs by itself; and the proof that it is right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from actors.runtime import ChildSpec, Supervisor
from bot import keys, settings
from bot.clock import system_clock
from bot.errors import StartupError
from bot.execution.leadership import Leadership
from bot.foundation import BACKOFF
from bot.keys import KeyRing
from bot.paths import vault_codes, vault_days, vault_socket
from bot.ports import Store, Vault
from bot.profiles import profile_of
from bot.signing_bounds import signing_bounds
from bot.start import Options
from bot.vault.code_book import CodeBook
from bot.vault.guard import SigningGuard
from bot.vault.local_vault import LocalVault
from bot.vault.socket_vault import SocketVault, open_socket_vault
from bot.vault_child import VaultChild

INSIDE, CHILD, OUTSIDE = "inside", "child", "outside"
CHILD_MS = 100  # it is killed, see VaultChild


def place_of_vault(chosen: settings.Vault, *, is_local: bool) -> str:
    """Where the keys are: as the settings say, else in the bot's own process in profile local and nowhere else."""
    return chosen.run or (INSIDE if is_local else CHILD)


@dataclass(slots=True)
class VaultDoor:
    """The way to one start's vault. `socket` is None where it is in this process."""

    options: Options
    ring: KeyRing
    leadership: Leadership
    supervisor: Supervisor
    socket: SocketVault | None
    _child: VaultChild | None = field(default=None)

    async def fit(self, store: Store) -> None:
        """Raise StartupError unless the vault of this start opens this database's wallets, where it has any."""
        if await store.wallets():
            await self.open(store)

    async def open(self, store: Store) -> Vault:
        """The vault, proven to open this database's wallets; raises StartupError and StoreUnavailable."""
        expected_ids = sorted(await store.sealed_under())
        if self.socket is None:
            key, *former = keys.find_keys(self.ring, expected_ids, may_make=True)
            bounds = signing_bounds(self.options.settings, is_local=self.ring.is_local)
            guard = SigningGuard(bounds, system_clock(), vault_days(self.options.directory))
            fernet = keys.fernet_key(self.options.settings.wallets)
            book = CodeBook(guard.clock, vault_codes(self.options.directory))
            inside = LocalVault(key, guard, self.leadership.check, former=former, fernet=fernet, book=book)
            await keys.prove(store, inside, key.id)
            return inside
        if self._place == CHILD:
            await self._start_child(expected_ids)
        key_ids = await self.socket.key_ids()
        if missing := [key_id for key_id in expected_ids if key_id not in key_ids]:
            raise StartupError(
                f"wallets are sealed under master key {', '.join(missing)}, and the vault holds {', '.join(key_ids)}"
            )
        keys.refuse_local_key(key_ids[0], self.ring)
        await keys.prove(store, self.socket, key_ids[0])
        return self.socket

    def trouble(self) -> str:
        """Why nothing can be signed now; empty while the vault answers."""
        return "" if self.socket is None else self.socket.trouble

    @property
    def _place(self) -> str:
        return place_of_vault(self.options.settings.vault, is_local=self.ring.is_local)

    async def _start_child(self, expected_ids: list[str]) -> None:
        """Once in a start; raises InitFailed around a StartupError."""
        if self._child is not None:
            return
        options = self.options
        child = VaultChild(options.directory, options.profile, options.config, self.ring.say, expected_ids)
        await self.supervisor.start_child(ChildSpec("vault", child.run, backoff=BACKOFF, shutdown_ms=CHILD_MS))
        self._child = child


@asynccontextmanager
async def open_vault_door(
    options: Options, ring: KeyRing, leadership: Leadership, supervisor: Supervisor
) -> AsyncIterator[VaultDoor]:
    """The door, for as long as anybody signs. `supervisor` is that of the bot's own servers."""
    chosen = options.settings.vault
    if place_of_vault(chosen, is_local=profile_of(options.profile).is_local) == INSIDE:
        yield VaultDoor(options, ring, leadership, supervisor, None)
        return
    path = chosen.socket or vault_socket(options.directory)

    def epoch() -> int:
        return 0 if leadership.lease is None else leadership.lease.epoch

    async with open_socket_vault(path, epoch, leadership.check) as socket:
        yield VaultDoor(options, ring, leadership, supervisor, socket)


async def why_silent(path: Path) -> str:
    """Why the vault that runs by itself behind this socket does not answer; empty where it does."""
    async with open_socket_vault(path, lambda: 0, lambda: None) as vault:
        try:
            await vault.key_ids()
        except StartupError as error:
            return str(error)
    return ""
