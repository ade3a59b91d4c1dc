"""Master keys as versions: where former ones come from, and a rotation that is ended anywhere while orders go on signing."""

from __future__ import annotations

import base64
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from bot.clock import system_clock
from bot.errors import KeyUnavailable, StartupError
from bot.execution.alerts import Alert
from bot.execution.sealed_keys import SealedKeys
from bot.key_age import KeyAge
from bot.key_rotation import AT_ONCE, KeyRotation
from bot.keys import KeyRing, find_keys
from bot.ports import NoteKind, Store, User, Vault, Wallet
from bot.storage.memory import MemoryStore
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.vault.vault_samples import closing, guard

OLD, NEW = MasterKey("prod-1", bytes(range(32))), MasterKey("prod-2", bytes(range(1, 33)))


class Killed(BaseException):
    """The process is gone, at this call."""


class Doomed:
    """A port that ends the process before or behind its call of this number; `calls` is shared by several."""

    def __init__(self, port: object, at: int, calls: count[int], *, behind: bool) -> None:
        self._port, self._at, self._calls, self._behind = port, at, calls, behind

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        async def call(*arguments: Any) -> Any:
            is_now = next(self._calls) == self._at
            if is_now and not self._behind:
                raise Killed
            result = await method(*arguments)
            if is_now:
                raise Killed
            return result

        return call


async def people(number: int) -> tuple[MemoryStore, list[Wallet]]:
    """Users with wallets under the old key."""
    store, vault = MemoryStore(), LocalVault(OLD, guard())
    for name in (f"user-{place:03}" for place in range(number)):
        address, key = await vault.create_key(name)
        wallet = Wallet(f"w-{name}", name, address, Mode.LIVE)
        await store.create_user(User(name, name, None, Mode.LIVE, ""), wallet, key, UserSettings())
        made = await vault.new_code(name, None, "")
        await store.keep_notes(name, {NoteKind.PENDING: made.pending}, "made", 0)
    return store, await store.wallets()


def rotation_of(store: object, vault: object, folder: Path = Path("nowhere")) -> KeyRotation:
    """A rotation through these ports; only who asks for the key's age needs a folder."""
    return KeyRotation(cast(Store, store), cast(Vault, vault), KeyAge(folder, system_clock()))


async def rotated(rotation: KeyRotation) -> tuple[int, int]:
    """All steps, as the verb asks for them: how many were sealed anew, and how many could not be."""
    done = failed = 0
    after: str | None = ""
    while after is not None:
        answer = await rotation.rotate(after)
        done, failed, after = done + answer["done"] + answer["notes"], failed + answer["failed"], answer["after"]
    return done, failed


async def test_orders_sign_on_while_every_wallet_gets_the_newest_key(autojump_clock: MockClock) -> None:
    store, wallets = await people(2 * AT_ONCE + 5)
    vault = LocalVault(NEW, guard(), former=[OLD])
    alerts: list[Alert] = []
    keys = SealedKeys(cast(Store, store), vault, alerts.append, lambda _: None)
    signed = 0

    async def sell_all_the_time() -> None:
        nonlocal signed
        for number in count():
            wallet = wallets[number % len(wallets)]
            assert len(await keys.sign(wallet, closing(wallet.address, number, f"intent {number}"))) == 64
            signed += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sell_all_the_time)
        assert await rotated(rotation_of(store, vault)) == (2 * len(wallets), 0)
        nursery.cancel_scope.cancel()
    assert signed > len(wallets)
    assert alerts == []
    assert await store.sealed_under() == {NEW.id: len(wallets)}
    alone = LocalVault(NEW, guard())  # the old key is taken away
    for wallet in wallets:
        await alone.check_key(wallet, await store.sealed_key(wallet.id))
        [note] = (await store.notes(wallet.user_id)).values()
        await alone.renew_note(wallet.user_id, NoteKind.PENDING, note)
    assert await rotated(rotation_of(store, alone)) == (0, 0)


@pytest.mark.parametrize("behind", [False, True])
async def test_a_rotation_that_is_killed_at_any_call_goes_on_where_it_was(
    autojump_clock: MockClock, *, behind: bool
) -> None:
    for at in count():
        store, wallets = await people(3)
        vault = LocalVault(NEW, guard(), former=[OLD])
        calls = count()
        doomed = [Doomed(port, at, calls, behind=behind) for port in (store, vault)]
        try:
            await rotated(rotation_of(doomed[0], doomed[1]))
        except Killed:
            pass
        else:
            assert at > 4 * len(wallets), "it was killed nowhere"
            return
        for wallet in wallets:
            await vault.check_key(wallet, await store.sealed_key(wallet.id))
        under = (await store.sealed_under()).get(NEW.id, 0) + (await store.notes_under()).get(NEW.id, 0)
        assert await rotated(rotation_of(store, vault)) == (2 * len(wallets) - under, 0)
        assert await store.sealed_under() == await store.notes_under() == {NEW.id: len(wallets)}


async def test_a_wallet_that_does_not_open_is_left_as_it_is_and_counted(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    store, wallets = await people(3)
    strange = await store.sealed_key(wallets[0].id)
    assert await store.replace_key(wallets[1].id, await store.sealed_key(wallets[1].id), strange)
    swapped = await store.notes(wallets[0].user_id)
    await store.keep_notes(wallets[1].user_id, swapped, "swapped", 0)
    rotation = rotation_of(store, LocalVault(NEW, guard(), former=[OLD]), tmp_path)
    assert "2 wallets under" not in (await rotation.show())["text"]
    assert await rotated(rotation) == (4, 2)
    assert await store.sealed_key(wallets[1].id) == strange
    shown = await rotation.show()
    assert await store.notes(wallets[1].user_id) == swapped
    assert shown["wallets"] == shown["notes"] == {OLD.id: 1, NEW.id: 2}
    assert "bot keys rotate seals all of them under the newest" in shown["text"]
    assert f"it is in use since {shown['since']}, 0 days" in shown["text"]


# ----------------------------------------------------------------------------------------------------------- where from


def written(path: Path, key: MasterKey) -> Path:
    path.write_text(f"{key.id}:{base64.b64encode(key.key).decode()}\n")
    path.chmod(0o600)
    return path


def ring(folder: Path, former: Path | None) -> KeyRing:
    return KeyRing(written(folder / "newest", NEW), folder, False, print, former)


def test_former_keys_come_from_a_file_or_from_a_folder(tmp_path: Path) -> None:
    older = MasterKey("prod-0", bytes(32))
    folder = tmp_path / "former"
    folder.mkdir()
    file = written(folder / "one.key", OLD)
    written(folder / "nought.key", older)
    (folder / "password").write_text("is none of ours")
    assert find_keys(ring(tmp_path, None), [], may_make=False) == (NEW,)
    assert find_keys(ring(tmp_path, file), ["prod-1"], may_make=False) == (NEW, OLD)
    assert find_keys(ring(tmp_path, folder), ["prod-0", "prod-2"], may_make=False) == (NEW, older, OLD)


def test_a_key_that_wallets_need_and_nobody_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="key with id prod-1 is expected here"):
        find_keys(ring(tmp_path, None), ["prod-1"], may_make=False)
    with pytest.raises(StartupError, match=r"prod-3 is missing: .* wallets\.former_keys"):
        find_keys(ring(tmp_path, written(tmp_path / "old", OLD)), ["prod-1", "prod-2", "prod-3"], may_make=False)


def test_two_keys_of_one_id_an_open_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    twin = written(tmp_path / "twin", MasterKey(NEW.id, bytes(32)))
    with pytest.raises(StartupError, match="the same id"):
        find_keys(ring(tmp_path, twin), [], may_make=False)
    assert find_keys(ring(tmp_path, written(tmp_path / "same", NEW)), [], may_make=False) == (NEW,)
    twin.chmod(0o644)
    with pytest.raises(StartupError, match="chmod 600"):
        find_keys(ring(tmp_path, twin), [], may_make=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StartupError, match="has 0 files"):
        find_keys(ring(tmp_path, tmp_path / "empty"), [], may_make=False)


async def test_a_vault_without_the_former_key_names_it_for_each_wallet(autojump_clock: MockClock) -> None:
    store, [wallet] = await people(1)
    with pytest.raises(KeyUnavailable, match="sealed under master key prod-1, and prod-2 is loaded"):
        await LocalVault(NEW, guard()).check_key(wallet, await store.sealed_key(wallet.id))
