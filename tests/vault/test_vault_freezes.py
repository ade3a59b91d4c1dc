"""A frozen wallet in the vault: nothing is signed for it and its key stays, over restarts, until its owner gives a code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.signature import Signature

from bot.errors import CodeRefused, KeyUnavailable, SigningRefused
from bot.ports import NoteKind, SealedNote, Sweeping, Wallet
from bot.vault.unsigned_vault import UnsignedVault
from tests.vault.test_vault_exports import asked
from tests.vault.test_vault_withdrawals import (
    AWAY,
    DELAY_MS,
    HOME,
    OTHER,
    OTHER_SEALED,
    OWN,
    SEALED,
    SEED,
    Safe,
    message,
    opened,
)
from tests.vault.vault_samples import closing


async def test_nothing_is_signed_for_a_frozen_wallet_until_a_code_and_other_wallets_go_on(tmp_path: Path) -> None:
    safe = await opened(path=tmp_path / "vault.codes")
    await safe.vault.freeze(OWN, SEALED)
    for vault in (safe.vault, safe.desk.vault()):  # a restart thaws nothing
        safe.vault = vault
        with pytest.raises(SigningRefused, match="is frozen"):
            await vault.sign(OWN, SEALED, closing(OWN.address))
        with pytest.raises(SigningRefused, match="is frozen"):
            await safe.sign(message())
        await vault.sign(OTHER, OTHER_SEALED, closing(OTHER.address))
    code = safe.code()
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await safe.vault.unfreeze(OWN, SEALED, safe.current, safe.desk.wrong(safe.codes))
    safe.current = await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    with pytest.raises(CodeRefused, match="used already"):
        await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    safe.vault = safe.desk.vault()
    await safe.vault.sign(OWN, SEALED, closing(OWN.address))
    await safe.sign(message())


async def test_only_its_own_users_row_freezes_and_thaws_a_wallet() -> None:
    safe = await opened()
    for wallet, key in ((OWN, OTHER_SEALED), (replace(OWN, user_id="eve"), SEALED)):
        with pytest.raises(KeyUnavailable, match="does not open"):
            await safe.vault.freeze(wallet, key)
        with pytest.raises(KeyUnavailable, match="does not open"):
            await safe.vault.unfreeze(wallet, key, safe.current, safe.code())
    await safe.sign(message())


async def test_a_frozen_wallets_key_stays_though_its_time_has_come() -> None:
    safe = await asked()
    await safe.vault.freeze(OWN, SEALED)
    code = safe.code()
    with pytest.raises(SigningRefused, match="is frozen"):
        await safe.take(code)
    safe.current = await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    await safe.take()


SAFE_HOME = str(Keypair.from_seed(bytes([9]) * 32).pubkey())


async def with_safe_address(safe: Safe, *, ripe: bool = True) -> SealedNote:
    """A safe address for a vault whose user has an allowed one; its note."""
    given = await safe.vault.allow_safe(OWN, SEALED, SAFE_HOME, safe.current, safe.code())
    safe.current = given.current
    assert given.not_before_ms == safe.desk.now_ms + DELAY_MS
    safe.desk.now_ms += DELAY_MS if ripe else DELAY_MS - 60_000
    return given.note


async def sweep(safe: Safe, note: SealedNote, sent: bytes, *, intent: str = "s", wallet: Wallet = OWN) -> bytes:
    key = OTHER_SEALED if wallet.address == OTHER.address else SEALED
    return await safe.vault.sign_sweep(wallet, key, Sweeping(intent, sent, note, safe.current))


async def test_a_frozen_wallet_is_swept_to_its_safe_address_without_a_code_and_nowhere_else() -> None:
    safe = await opened()
    note = await with_safe_address(safe)
    sent = message(SAFE_HOME)
    with pytest.raises(SigningRefused, match="is not frozen"):
        await sweep(safe, note, sent)
    await safe.vault.freeze(OWN, SEALED)
    for target in (HOME, AWAY, OTHER.address):
        with pytest.raises(SigningRefused, match="no transfer to"):
            await sweep(safe, note, message(target))
    signature = await sweep(safe, note, sent)
    assert Signature.from_bytes(signature).verify(Keypair.from_seed(SEED).pubkey(), sent)
    with pytest.raises(SigningRefused, match="signed already"):
        await sweep(safe, note, sent)
    await sweep(safe, note, message(SAFE_HOME, lamports=1), intent="the rest")


async def test_neither_an_allowed_address_nor_a_moved_or_young_note_is_swept_to() -> None:
    safe = await opened()
    note = await with_safe_address(safe, ripe=False)
    await safe.vault.freeze(OWN, SEALED)
    await safe.vault.freeze(OTHER, OTHER_SEALED)
    with pytest.raises(SigningRefused, match=f"nothing is sent to {SAFE_HOME} for another 60 s"):
        await sweep(safe, note, message(SAFE_HOME))
    safe.desk.now_ms += 60_000
    with pytest.raises(SigningRefused, match="allowed for another wallet"):
        await sweep(safe, note, message(SAFE_HOME, wallet=OTHER.address), wallet=OTHER)
    renewed = await safe.vault.renew_note("ada", NoteKind.SAFE, note)
    for forged in (safe.allowed, safe.current, SealedNote("test", b"")):
        with pytest.raises(KeyUnavailable):
            await sweep(safe, forged, message(HOME))
    await sweep(safe, renewed, message(SAFE_HOME))
    safe.current = await safe.vault.unfreeze(OWN, SEALED, safe.current, safe.code())
    with pytest.raises(KeyUnavailable, match="does not open"):  # a safe address is none for withdrawals
        await safe.sign(message(SAFE_HOME), allowed=note)


async def test_a_safe_address_takes_a_code() -> None:
    safe = await opened()
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await safe.vault.allow_safe(OWN, SEALED, SAFE_HOME, safe.current, safe.desk.wrong(safe.codes))
    with pytest.raises(SigningRefused, match="is the wallet itself"):
        await safe.vault.allow_safe(OWN, SEALED, OWN.address, safe.current, safe.code())


async def test_play_money_is_not_swept() -> None:
    safe = await opened()
    note = await with_safe_address(safe)
    await safe.vault.freeze(OWN, SEALED)
    with pytest.raises(SigningRefused, match="play money"):
        await UnsignedVault(safe.vault).sign_sweep(OWN, SEALED, Sweeping("s", message(SAFE_HOME), note, safe.current))
