"""Wallets of an earlier bot, under its Fernet key: which of them are taken over, and what they are then."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import cast

import pytest
from cryptography.fernet import Fernet
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from trio.testing import MockClock

from bot.clock import system_clock
from bot.errors import KeyUnavailable, StartupError
from bot.localnet.inprocess import InProcessChain
from bot.ports import Store, Submitted
from bot.storage.memory import MemoryStore
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from bot.vault.envelope import open_sealed
from bot.vault.fernet_rows import read_fernet_key, seed_in
from bot.vault.local_vault import LocalVault
from bot.wallet_import import NO_CONSENT, WalletImport
from tests.vault.vault_samples import guard
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import FUND_LAMPORTS, MASTER_KEY, make_world, open_for_entries, running_bot

FERNET = Fernet(Fernet.generate_key())
ADA, BOB = Keypair.from_seed(bytes(range(32))), Keypair.from_seed(bytes(range(1, 33)))
FORMS = {
    "bytes of the pair": bytes(ADA),
    "bytes of the seed": bytes(ADA)[:32],
    "base58 of the pair": str(ADA).encode(),
    "base58 of the seed": str(Pubkey.from_bytes(bytes(ADA)[:32])).encode(),
    "list of numbers": json.dumps(list(bytes(ADA))).encode(),
}


def line(telegram_id: int, pair: Keypair, content: bytes | None = None) -> str:
    token = FERNET.encrypt(str(pair).encode() if content is None else content)
    return f"{telegram_id},{pair.pubkey()},{token.decode()}"


def importing(store: MemoryStore, mode: Mode = Mode.LIVE) -> WalletImport:
    vault = LocalVault(MASTER_KEY, guard(), fernet=FERNET)
    return WalletImport(cast(Store, store), vault, system_clock(), mode, UserSettings(), lambda who: who != 13)


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_form_in_which_it_was_written(form: str) -> None:
    assert seed_in(FERNET, FERNET.encrypt(FORMS[form]), str(ADA.pubkey())) == bytes(ADA)[:32]


@pytest.mark.parametrize("content", [b"", b"hello", b"[1, 2]", b"[300]", b"[" * 5_000, b"\xff" * 31, str(BOB).encode()])
def test_what_holds_no_key_or_anothers_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(KeyUnavailable) as raised:
        seed_in(FERNET, FERNET.encrypt(content), str(ADA.pubkey()))
    assert str(BOB) not in str(raised.value)


def test_a_token_of_another_fernet_key_is_refused() -> None:
    with pytest.raises(KeyUnavailable, match="does not open under the Fernet key"):
        seed_in(Fernet(Fernet.generate_key()), FERNET.encrypt(bytes(ADA)), str(ADA.pubkey()))


def test_the_fernet_key_comes_from_a_guarded_file(tmp_path: Path) -> None:
    key, file = Fernet.generate_key(), tmp_path / "fernet"
    file.write_bytes(key + b"\n")
    file.chmod(0o600)
    assert read_fernet_key(file).decrypt(Fernet(key).encrypt(b"x")) == b"x"
    file.chmod(0o644)
    with pytest.raises(StartupError, match="chmod 600"):
        read_fernet_key(file)
    with pytest.raises(StartupError, match=r"wallets\.fernet_key_file"):
        read_fernet_key(tmp_path / "missing")
    file.chmod(0o600)
    file.write_bytes(b"no key at all\n")
    with pytest.raises(StartupError, match="not a Fernet key") as raised:
        read_fernet_key(file)
    assert "at all" not in str(raised.value)


async def test_each_line_is_taken_once_and_what_is_wrong_is_told_without_its_token(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    lines = [line(1, ADA), line(2, BOB), line(3, ADA), line(1, BOB), line(13, BOB), "ada", f"4,{ADA.pubkey()},x"]
    told = await importing(store).take(lines)
    assert (told["taken"], told["known"], len(told["refused"])) == (2, 0, 5)
    assert not any(text.split(",")[-1][:20] in "".join(told["refused"]) for text in lines[:5])
    assert (await importing(store).take(lines[:2]))["known"] == 2
    users = await store.users()
    assert [(user.telegram_id, user.consent_version) for user in users] == [(1, NO_CONSENT), (2, NO_CONSENT)]
    for user, pair in zip(users, (ADA, BOB), strict=True):
        [wallet] = await store.wallets(user.id)
        assert wallet.address == str(pair.pubkey())
        assert open_sealed(MASTER_KEY, user.id, wallet.address, await store.sealed_key(wallet.id)) == bytes(pair)[:32]


async def test_a_vault_without_a_fernet_key_says_what_is_missing(autojump_clock: MockClock) -> None:
    with pytest.raises(KeyUnavailable, match=r"wallets\.fernet_key_file"):
        await LocalVault(MASTER_KEY, guard()).adopt("u", str(ADA.pubkey()), b"token")


async def test_an_imported_wallet_with_a_past_trades_and_its_books_are_exact(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.chain.call("requestAirdrop", str(ADA.pubkey()), FUND_LAMPORTS)
    world.chain.step(2)
    world.chain.call("sendTransaction", _paid_away(world.chain), {"encoding": "base64", "skipPreflight": True})
    world.chain.step(2)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert (await importing(world.store).take([line(1, ADA)]))["taken"] == 1
        [user], [wallet] = await world.store.users(), await world.store.wallets()
        mint = Crowd(world.chain).launch()
        world.chain.step(3)
        bought = await bot.desk.submit(order(user, wallet, mint, key="first", spend_lamports=LAMPORTS_PER_SOL // 10))
        assert isinstance(bought, Submitted), bought
        await exact(bot, world)
        assert not bot.guard.causes(), "what left before it came here froze nothing"
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await exact(bot, world)
        assert not bot.guard.causes(), "nor does it after a restart"


def _paid_away(chain: InProcessChain) -> str:
    """A payment that the wallet made before the import."""
    params = TransferParams(from_pubkey=ADA.pubkey(), to_pubkey=BOB.pubkey(), lamports=LAMPORTS_PER_SOL)
    blockhash = Hash.from_string(chain.call("getLatestBlockhash")["value"]["blockhash"])
    message = MessageV0.try_compile(ADA.pubkey(), [transfer(params)], [], blockhash)
    return base64.b64encode(bytes(VersionedTransaction(message, [ADA]))).decode()
