"""Which master key opens the wallets: where it is looked for at start, and the proof that it is theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.errors import KeyUnavailable, StartupError
from bot.ports import Store, Vault
from bot.settings import Wallets
from bot.vault.fernet_rows import Fernet, read_fernet_key
from bot.vault.key_providers import provider_of
from bot.vault.master_key import LOCAL_PREFIX, MasterKey, make_local_key, master_key_from_environment, read_master_key

log = structlog.get_logger()

KEY_VARIABLE = "BOT_MASTER_KEY"
WALLETS_TRIED = 20


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Where the master key is looked for. `is_local` may make one and use one whose id begins with `local-` (D-18).

    `former` is a file or a folder of keys that rows may still be sealed under.
    """

    file: Path | None
    directory: Path
    is_local: bool
    say: Callable[[str], None]
    former: Path | None = None


def fernet_key(chosen: Wallets) -> Fernet | None:
    """The key of an earlier bot's wallets, None where the settings name none; raises StartupError."""
    return None if chosen.fernet_key_file is None else read_fernet_key(chosen.fernet_key_file)


def find_keys(ring: KeyRing, expected_ids: Sequence[str], *, may_make: bool) -> tuple[MasterKey, ...]:
    """The newest master key and the former ones, among them all that are expected; raises StartupError."""
    former = () if ring.former is None else provider_of(ring.former).keys()
    needed = [key_id for key_id in expected_ids if key_id not in {key.id for key in former}]
    newest = find_key(ring, needed[0] if needed else None, may_make=may_make and not expected_ids)
    if needed[1:]:
        raise StartupError(
            f"the wallets are sealed under several master keys, and {', '.join(needed[1:])} is missing: put it into a file or"
            " folder that wallets.former_keys names, and run bot keys rotate"
        )
    others = {key.id: key for key in former}
    if others.pop(newest.id, newest) != newest or len(others) + (newest in former) != len(former):
        raise StartupError(
            "wallets.former_keys: two master keys have the same id; ids name versions, give each its own"
        )
    for key in others.values():
        refuse_local_key(key.id, ring)
    return newest, *others.values()


def find_key(ring: KeyRing, expected_id: str | None, *, may_make: bool) -> MasterKey:
    """The master key: in the ring's file, in the environment, or in the data directory.

    Where there is none, and it `may_make` one, a local ring makes it and says so. Raises StartupError, which names the id
    that is expected.
    """
    own = ring.directory / "master.key"
    if ring.file is not None:
        key = read_master_key(ring.file, expected_id)
    elif KEY_VARIABLE in os.environ:
        key = master_key_from_environment(KEY_VARIABLE, expected_id=expected_id)
    elif expected_id is not None or own.exists():
        key = read_master_key(own, expected_id)
    elif ring.is_local and may_make:
        return _made(own, ring.say)
    else:
        raise StartupError(
            f"no master key: wallets.master_key_file and {KEY_VARIABLE} name none and {own} is not there; a key is one"
            " line, key-id:base64 of 32 bytes, in a file that only the bot's user can read"
        )
    refuse_local_key(key.id, ring)
    return key


def refuse_local_key(key_id: str, ring: KeyRing) -> None:
    """Raise StartupError for a key of profile local elsewhere."""
    if key_id.startswith(LOCAL_PREFIX) and not ring.is_local:
        raise StartupError(
            f"master key {key_id}: a key whose id begins with {LOCAL_PREFIX} was made by profile local and serves it alone;"
            " make another one, key-id:base64 of 32 bytes, and name it in wallets.master_key_file"
        )


def _made(own: Path, say: Callable[[str], None]) -> MasterKey:
    key = make_local_key(own)
    say(f"made the master key {key.id} in {own}; it opens every wallet of this data directory, keep both together")
    return key


async def prove(store: Store, vault: Vault, key_id: str) -> None:
    """Refuse a key with the right id and other bytes: StartupError when it opens none of the wallets that are tried.

    A single wallet that does not open is that wallet's trouble and no proof of a wrong key.
    """
    wallets = (await store.wallets())[:WALLETS_TRIED]
    for wallet in wallets:
        try:
            await vault.check_key(wallet, await store.sealed_key(wallet.id))
        except KeyUnavailable as error:
            log.warning("wallet_does_not_open", wallet=wallet.id, reason=str(error))
        else:
            return
    if wallets:
        raise StartupError(
            f"master key {key_id} has the right id and opens none of the wallets: its bytes are others;"
            " put the key back that was here when the wallets were made"
        )
