"""What the vault signs and what it does not: everything that the bot builds, and nothing that is bent in one place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.clock import Clock
from bot.errors import SigningRefused
from bot.ports import Signing, Wallet
from bot.trading.intent import Mode, Side
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.units import LAMPORTS_PER_SOL as SOL
from bot.vault.day_book import DAY_MS
from bot.vault.envelope import seal
from bot.vault.guard import MESSAGES_MAX
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.policy import Bounds, Kind, Outlay, judge
from tests.vault.trade_samples import (
    ADDRESS,
    BLOCKHASH,
    FEE_LAMPORTS,
    MINT,
    OTHER_MINT,
    SPEND,
    THIEF,
    TIP,
    TIP_LAMPORTS,
    TRADES,
    USER,
    WALLET,
    asked,
    by_route,
    close_into,
    compiled,
    in_pool,
    instructions_of,
    on_curve,
    transfer,
)
from tests.vault.vault_samples import BOUNDS, bounds, closing, guard

MASTER = MasterKey("test", bytes(range(32)))
COSTS = SIGNATURE_FEE_LAMPORTS + FEE_LAMPORTS + TIP_LAMPORTS


def refusal(message: bytes, mint: Pubkey = MINT, allowed: Bounds = BOUNDS) -> str:
    with pytest.raises(SigningRefused) as raised:
        judge(ADDRESS, asked(message, mint=mint), allowed)
    return str(raised.value)


@pytest.mark.parametrize("name", TRADES)
def test_everything_that_the_bot_builds_is_known_with_what_it_takes(name: str) -> None:
    is_buy = "buy" in name
    outlay = judge(ADDRESS, asked(TRADES[name]()), BOUNDS)
    assert outlay == Outlay(Kind.BUY if is_buy else Kind.SELL, str(MINT), SPEND if is_buy else 0, COSTS)


def test_closings_are_known_and_nothing_stands_beside_them() -> None:
    made = closing(ADDRESS)
    assert judge(ADDRESS, made, BOUNDS) == Outlay(Kind.CLOSE, "", 0, SIGNATURE_FEE_LAMPORTS + 1_000)
    parts = instructions_of(made.message)
    assert "neither trades" in refusal(compiled([*parts, transfer(TIP, 1_000)]))
    assert "neither trades" in refusal(compiled(parts[:2]))


@pytest.mark.parametrize(
    "stolen",
    [
        transfer(THIEF, 1),
        transfer(at.wrapped_sol(THIEF), 1),
        close_into(THIEF),
        Instruction(at.TOKEN_2022_PROGRAM, b"\x03" + (1).to_bytes(8, "little"), []),
        Instruction(at.TOKEN_2022_PROGRAM, b"\x04" + (1).to_bytes(8, "little"), []),
        Instruction(at.TOKEN_PROGRAM, b"\x06\x02\x01" + bytes(THIEF), []),
        Instruction(at.SYSTEM_PROGRAM, (1).to_bytes(4, "little") + bytes(THIEF), [AccountMeta(USER, True, True)]),
        Instruction(at.ATA_PROGRAM, b"\x02", []),
        Instruction(THIEF, b"", [AccountMeta(USER, True, True)]),
    ],
)
@pytest.mark.parametrize("name", ["buy on the curve", "sale in the pool", "routed sale"])
def test_a_trade_with_something_slipped_in_is_not_signed(name: str, stolen: Instruction) -> None:
    parts = instructions_of(TRADES[name]())
    for place in (0, len(parts)):
        assert refusal(compiled([*parts[:place], stolen, *parts[place:]]))


@pytest.mark.parametrize("name", [name for name in TRADES if "tables" not in name])
def test_an_account_of_the_wallet_that_is_somebody_elses_is_not_signed(name: str) -> None:
    parts = instructions_of(TRADES[name]())
    own = {at.wrapped_sol(USER), at.token_account(USER, MINT, at.TOKEN_2022_PROGRAM)}
    bent = 0
    for number, part in enumerate(parts):
        for place, account in enumerate(part.accounts):
            if account.pubkey in own:
                accounts = list(part.accounts)
                accounts[place] = AccountMeta(at.wrapped_sol(THIEF), account.is_signer, account.is_writable)
                changed = Instruction(part.program_id, part.data, accounts)
                message = compiled([*parts[:number], changed, *parts[number + 1 :]])
                closes = part.program_id in at.TOKEN_PROGRAMS and part.data == b"\x09"
                if not closes:  # the token program closes nobody's account for who does not own it
                    assert refusal(message)
                    bent += 1
    assert bent >= 2


def test_another_wallets_message_and_another_tokens_are_not_signed() -> None:
    message = on_curve(Side.BUY)
    with pytest.raises(SigningRefused, match="another wallet's"):
        judge(str(THIEF), asked(message), BOUNDS)
    assert "account" in refusal(message, OTHER_MINT)
    assert refusal(in_pool(Side.SELL), OTHER_MINT)
    assert refusal(by_route(Side.BUY, tables=True), OTHER_MINT)
    with pytest.raises(SigningRefused, match="of another token"):
        judge(ADDRESS, Signing("intent", "", message), BOUNDS)


def test_a_message_that_asks_for_two_signatures_or_is_of_the_old_form_is_not_signed() -> None:
    other = Keypair.from_seed(bytes(range(2, 34))).pubkey()
    both = Instruction(at.SYSTEM_PROGRAM, b"", [AccountMeta(USER, True, True), AccountMeta(other, True, True)])
    assert "another signature" in refusal(compiled([both]))
    legacy = bytes(Message.new_with_blockhash([transfer(THIEF, 1)], USER, BLOCKHASH))
    assert "version 0" in refusal(legacy)
    assert "fits no transaction" in refusal(b"")
    assert refusal(on_curve(Side.BUY) + b"\x00")


def test_a_pool_of_somebody_elses_is_not_signed() -> None:
    parts = instructions_of(in_pool(Side.SELL))
    [place] = [number for number, part in enumerate(parts) if part.program_id == at.POOL_PROGRAM]
    trade = parts[place]
    accounts = [AccountMeta(THIEF, False, True), *trade.accounts[1:]]
    changed = Instruction(trade.program_id, trade.data, accounts)
    assert refusal(compiled([*parts[:place], changed, *parts[place + 1 :]])) == "account 0 of the trade is another one"


def test_two_trades_in_one_message_are_not_signed() -> None:
    parts = instructions_of(on_curve(Side.BUY))
    assert "trades twice" in refusal(compiled([*parts, parts[3]]))


def test_an_offer_that_takes_a_fee_or_comes_where_there_is_no_aggregator_is_not_signed() -> None:
    assert "fee for somebody" in refusal(by_route(Side.BUY, fee_bps=1))
    assert "settings name none" in refusal(by_route(Side.SELL), allowed=replace(BOUNDS, routed=False))


def test_lookup_tables_are_for_the_aggregators_swaps_alone() -> None:
    message = MessageV0.from_bytes(by_route(Side.BUY, tables=True)[1:])
    bent = MessageV0(message.header, message.account_keys, message.recent_blockhash, [], message.address_table_lookups)
    assert "lookup table" in refusal(b"\x80" + bytes(bent))


def test_amounts_beyond_the_bounds_are_not_signed() -> None:
    assert "trade of 500000000 lamports" in refusal(on_curve(Side.BUY), allowed=bounds(trade_lamports=SPEND - 1))
    assert "trade of 500000000 lamports" in refusal(in_pool(Side.BUY), allowed=bounds(trade_lamports=SPEND - 1))
    assert "trade of 500000000 lamports" in refusal(by_route(Side.BUY), allowed=bounds(trade_lamports=SPEND - 1))
    assert "priority fee of 60000" in refusal(on_curve(Side.SELL), allowed=bounds(fee_lamports=59_999))
    assert "tip of 100000" in refusal(on_curve(Side.SELL), allowed=bounds(tip_lamports=99_999))
    unlimited = instructions_of(on_curve(Side.SELL))[1:]
    assert "priority fee of 700000" in refusal(compiled(unlimited), allowed=bounds(fee_lamports=699_999))


def signer(clock: Clock | None = None, **changes: int) -> tuple[LocalVault, Wallet]:
    return LocalVault(MASTER, guard(clock, **changes)), Wallet("w", "user", ADDRESS, Mode.LIVE)


SEALED = seal(MASTER, "user", ADDRESS, bytearray(range(32)))


async def test_an_intent_is_one_wallets_one_tokens_and_one_sides() -> None:
    vault, wallet = signer()
    signature = await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY)))
    assert signature == bytes(WALLET.sign_message(on_curve(Side.BUY)))
    for other in (asked(on_curve(Side.SELL)), closing(ADDRESS, intent_id="intent")):
        with pytest.raises(SigningRefused, match="another order's"):
            await vault.sign(wallet, SEALED, other)


async def test_the_same_message_counts_once_and_another_of_its_intent_counts_again() -> None:
    vault, wallet = signer()
    for _ in range(5):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY, spend_lamports=SOL)))
    with pytest.raises(SigningRefused, match="spent what one order may"):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY, spend_lamports=1_000_000)))
    await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY), "another"))


async def test_a_sale_is_signed_as_often_as_an_order_tries_and_no_more() -> None:
    vault, wallet = signer()
    for number in range(MESSAGES_MAX):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.SELL, limit_raw=number)))
    with pytest.raises(SigningRefused, match="has signed 16 messages"):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.SELL, limit_raw=99)))


async def test_a_day_that_is_used_up_stops_buys_and_no_sale_until_the_next() -> None:
    moment = [5 * DAY_MS]
    vault, wallet = signer(Clock(lambda: moment[0], lambda: ""), day_lamports=SPEND + COSTS, day_costs_lamports=COSTS)
    await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY), "first"))
    with pytest.raises(SigningRefused, match=r"vault\.max_day_sol"):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY, limit_raw=1), "second"))
    await vault.sign(wallet, SEALED, asked(on_curve(Side.SELL), "sale"))
    with pytest.raises(SigningRefused, match=r"vault\.max_day_costs_sol"):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.SELL, limit_raw=1), "sale"))
    moment[0] -= DAY_MS  # a clock that was set back gives no second day
    with pytest.raises(SigningRefused):
        await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY, limit_raw=1), "second"))
    moment[0] += 2 * DAY_MS
    await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY, limit_raw=1), "second"))


async def test_a_row_that_does_not_open_uses_up_nothing() -> None:
    vault, wallet = signer(day_lamports=SPEND + COSTS)
    stranger = replace(wallet, user_id="another")
    with pytest.raises(Exception, match="does not open"):
        await vault.sign(stranger, SEALED, asked(on_curve(Side.BUY)))
    await vault.sign(wallet, SEALED, asked(on_curve(Side.BUY)))
