"""What takes a code, by both vaults: the one in this process, and the one behind its socket. Real sockets, on the real clock."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from solders.hash import Hash
from solders.keypair import Keypair

from bot.chain.transfers import build_transfer
from bot.errors import CodeRefused, KeyUnavailable, LeaseLost, SigningRefused, WalletFrozen
from bot.ports import NoteKind, Sweeping, TransferOrder, Wallet, Withdrawing
from bot.trading.intent import Mode, Side
from bot.vault import totp
from bot.vault.envelope import seal
from tests.vault.test_vault_contract import (
    MASTER,
    OTHER,
    OTHER_SEED,
    OWN,
    SEALED,
    STANDING,
    WITHIN_S,
    Opened,
    both,
)
from tests.vault.test_vault_exports import opened as keypair_in
from tests.vault.trade_samples import ADDRESS, THIEF, WALLET, asked, on_curve

SECOND = Wallet("s", "ada", OTHER.address, Mode.LIVE)
SECOND_SEALED = seal(MASTER, "ada", OTHER.address, OTHER_SEED)


@both
async def test_a_second_factor_is_made_confirmed_used_and_sealed_anew(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            made = await served.vault.new_code("ada", None, "")
            assert made.current is None
            secret = base64.b32decode(made.key)
            step = STANDING.now_ms() // totp.STEP_MS
            with pytest.raises(CodeRefused, match="that code is wrong"):
                await served.vault.confirm_code("ada", made.pending, "no code")
            note = await served.vault.confirm_code("ada", made.pending, totp.code_at(secret, step))
            with pytest.raises(KeyUnavailable, match="does not open"):
                await served.vault.new_code("bob", note, totp.code_at(secret, step + 1))
            newer = await served.vault.renew_note("ada", NoteKind.CODE, note)
            second = await served.vault.new_code("ada", newer, totp.code_at(secret, step + 1))
            assert second.current is not None
            assert second.key != made.key


@both
async def test_sol_is_sent_to_an_allowed_address_for_a_code(opened: Opened, tmp_path: Path) -> None:
    target = str(THIEF)
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            made = await served.vault.new_code("ada", None, "")
            secret, step = base64.b32decode(made.key), STANDING.now_ms() // totp.STEP_MS
            note = await served.vault.confirm_code("ada", made.pending, totp.code_at(secret, step - 1))
            given = await served.vault.allow(OWN, SEALED, target, note, totp.code_at(secret, step))
            sent = build_transfer(TransferOrder(ADDRESS, target, 1, 0), Hash.default())
            wish = Withdrawing("i", sent, given.note, given.current, totp.code_at(secret, step + 1))
            with pytest.raises(SigningRefused, match="something else"):
                await served.vault.sign_withdrawal(OWN, SEALED, replace(wish, message=on_curve(Side.BUY)))
            withdrawn = await served.vault.sign_withdrawal(OWN, SEALED, wish)
            assert withdrawn.signature == bytes(WALLET.sign_message(sent))
            with pytest.raises(CodeRefused, match="used already"):
                await served.vault.sign_withdrawal(OWN, SEALED, wish)
            served.fence.lost = True
            with pytest.raises(LeaseLost):
                await served.vault.sign_withdrawal(OWN, SEALED, wish)


@both
async def test_a_key_is_handed_out_for_two_codes_and_taken_back_by_a_word(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            made = await served.vault.new_code("ada", None, "")
            secret, step = base64.b32decode(made.key), STANDING.now_ms() // totp.STEP_MS
            note = await served.vault.confirm_code("ada", made.pending, totp.code_at(secret, step - 1))
            wish = await served.vault.demand_export(OWN, SEALED, note, totp.code_at(secret, step))
            with pytest.raises(SigningRefused, match="the key of another wallet"):
                await served.vault.export_key(SECOND, SECOND_SEALED, wish.note, wish.current, "000000")
            code = totp.code_at(secret, step + 1)
            given = await served.vault.export_key(OWN, SEALED, wish.note, wish.current, code)
            opens = await served.vault.page_code("ada", given.unlock)
            assert Keypair.from_bytes(keypair_in(given.page, opens)) == WALLET
            with pytest.raises(CodeRefused, match="used already"):
                await served.vault.export_key(OWN, SEALED, wish.note, given.current, code)
            await served.vault.take_back_exports("ada")
            with pytest.raises(SigningRefused, match="its user took that back"):
                await served.vault.export_key(OWN, SEALED, wish.note, given.current, code)


@both
async def test_a_wallet_is_frozen_by_a_word_swept_to_its_safe_address_and_thawed_by_a_code(
    opened: Opened, tmp_path: Path
) -> None:
    target = str(THIEF)
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            made = await served.vault.new_code("ada", None, "")
            secret, step = base64.b32decode(made.key), STANDING.now_ms() // totp.STEP_MS
            note = await served.vault.confirm_code("ada", made.pending, totp.code_at(secret, step - 1))
            given = await served.vault.allow_safe(OWN, SEALED, target, note, totp.code_at(secret, step))
            sent = build_transfer(TransferOrder(ADDRESS, target, 1, 0), Hash.default())
            wish = Sweeping("i", sent, given.note, given.current)
            with pytest.raises(SigningRefused, match="is not frozen"):
                await served.vault.sign_sweep(OWN, SEALED, wish)
            await served.vault.freeze(OWN, SEALED)
            with pytest.raises(WalletFrozen, match="is frozen"):
                await served.vault.sign(OWN, SEALED, asked(on_curve(Side.SELL)))
            with pytest.raises(SigningRefused, match="something else"):
                await served.vault.sign_sweep(OWN, SEALED, replace(wish, message=on_curve(Side.SELL)))
            assert await served.vault.sign_sweep(OWN, SEALED, wish) == bytes(WALLET.sign_message(sent))
            with pytest.raises(CodeRefused, match="that code is wrong"):
                await served.vault.unfreeze(OWN, SEALED, given.current, "no code")
            await served.vault.unfreeze(OWN, SEALED, given.current, totp.code_at(secret, step + 1))
            await served.vault.sign(OWN, SEALED, asked(on_curve(Side.SELL)))
            served.fence.lost = True
            with pytest.raises(LeaseLost):
                await served.vault.sign_sweep(OWN, SEALED, wish)
