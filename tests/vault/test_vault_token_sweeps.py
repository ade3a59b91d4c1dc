"""Tokens of a frozen wallet in the vault: all ways to send one to the safe address's own account, and no way to anybody else."""

from __future__ import annotations

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain import addresses as at
from bot.chain.instructions import (
    budget,
    close_token_account,
    open_token_account,
    send_tokens,
    signs,
    transfer,
    writes,
)
from bot.chain.transfers import build_transfer
from bot.errors import SigningRefused
from bot.ports import TransferOrder
from bot.trading.withdrawal import TokenParcel
from tests.vault.test_vault_freezes import SAFE_HOME, sweep, with_safe_address
from tests.vault.test_vault_withdrawals import AWAY, OTHER, OWN, SEALED, SEED, opened
from tests.vault.vault_samples import BOUNDS

MINT, SECOND_MINT = (str(Keypair.from_seed(bytes([number]) * 32).pubkey()) for number in (21, 22))
USER, SAFE, THIEF = (Pubkey.from_string(text) for text in (OWN.address, SAFE_HOME, AWAY))
KEY, OTHER_KEY = Pubkey.from_string(MINT), Pubkey.from_string(SECOND_MINT)
PROGRAMS = (at.TOKEN_2022_PROGRAM, at.TOKEN_PROGRAM)
P = at.TOKEN_2022_PROGRAM


def parcel(program: Pubkey = P, *, opens: bool = True, closes: bool = True) -> TokenParcel:
    return TokenParcel(MINT, str(program), 6, 1_000, 2_074_080 if opens else 0, closes)


def sent(one: TokenParcel, *, to: str = SAFE_HOME, wallet: str = OWN.address) -> bytes:
    return build_transfer(TransferOrder(wallet, to, 0, 20_000, one), Hash.default())


def message(*instructions: Instruction) -> bytes:
    return to_bytes_versioned(MessageV0.try_compile(USER, [*budget(90_000, 1), *instructions], [], Hash.default()))


def goes(target: Pubkey = SAFE, mint: Pubkey = KEY, program: Pubkey = P) -> Instruction:
    return send_tokens(USER, target, mint, program, token_raw=5, decimals=6)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("closes", [True, False])
async def test_a_token_goes_to_the_safe_addresss_own_account_which_may_be_opened_and_the_emptied_one_closed(
    program: Pubkey, opens: bool, closes: bool
) -> None:
    safe = await opened()
    note = await with_safe_address(safe)
    whole = sent(parcel(program, opens=opens, closes=closes))
    with pytest.raises(SigningRefused, match="is not frozen"):
        await sweep(safe, note, whole)
    await safe.vault.freeze(OWN, SEALED)
    signature = await sweep(safe, note, whole)
    assert Signature.from_bytes(signature).verify(Keypair.from_seed(SEED).pubkey(), whole)
    with pytest.raises(SigningRefused, match="signed already"):
        await sweep(safe, note, whole)


def _approve() -> Instruction:
    """The right to take all of the wallet's tokens, for somebody else."""
    account = at.token_account(USER, KEY, P)
    return Instruction(P, b"\x04" + (2**63).to_bytes(8, "little"), [writes(account), writes(THIEF), signs(USER)])


def _closing_to(target: Pubkey) -> Instruction:
    account = at.token_account(USER, KEY, P)
    return Instruction(P, b"\x09", [writes(account), writes(target), signs(USER)])


def _unchecked() -> Instruction:
    """The older transfer, which names no mint."""
    source, there = at.token_account(USER, KEY, P), at.token_account(SAFE, KEY, P)
    return Instruction(P, b"\x03" + (5).to_bytes(8, "little"), [writes(source), writes(there), signs(USER)])


@pytest.mark.parametrize(
    "instructions",
    [
        (goes(THIEF),),
        (open_token_account(USER, THIEF, KEY, P), goes(THIEF)),
        (open_token_account(USER, THIEF, KEY, P), goes()),
        (open_token_account(USER, SAFE, OTHER_KEY, P), goes()),
        (open_token_account(USER, SAFE, KEY, at.TOKEN_PROGRAM), goes()),
        (goes(), goes()),
        (goes(), goes(THIEF)),
        (goes(), goes(mint=OTHER_KEY)),
        (goes(), transfer(USER, THIEF, 1)),
        (goes(), transfer(USER, SAFE, 1)),
        (goes(), _approve()),
        (goes(), _closing_to(THIEF)),
        (goes(), close_token_account(USER, OTHER_KEY, P)),
        (close_token_account(USER, KEY, P), goes()),
        (_unchecked(),),
        (_approve(),),
        (_closing_to(USER),),
        (open_token_account(USER, SAFE, KEY, P),),
        (*budget(1, 1), goes()),
    ],
)
async def test_nothing_else_is_signed_for_a_frozen_wallet(instructions: tuple[Instruction, ...]) -> None:
    safe = await opened()
    note = await with_safe_address(safe)
    await safe.vault.freeze(OWN, SEALED)
    with pytest.raises(SigningRefused):
        await sweep(safe, note, message(*instructions))


async def test_neither_another_wallets_message_nor_a_dear_one_is_signed_and_no_withdrawal_sends_tokens() -> None:
    safe = await opened()
    note = await with_safe_address(safe)
    with pytest.raises(SigningRefused, match="does something else"):
        await safe.sign(sent(parcel(), to=AWAY))
    await safe.vault.freeze(OWN, SEALED)
    with pytest.raises(SigningRefused, match="another wallet's"):
        await sweep(safe, note, sent(parcel(), wallet=OTHER.address))
    dear = TransferOrder(OWN.address, SAFE_HOME, 0, BOUNDS.fee_lamports * 2, parcel())
    with pytest.raises(SigningRefused, match="a priority fee of"):
        await sweep(safe, note, build_transfer(dear, Hash.default()))
