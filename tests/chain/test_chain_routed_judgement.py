"""What a simulation of an aggregator's swap has to leave in the wallet, to the lamport, before anybody signs it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.routed_chain import OPENED_MAX_LAMPORTS, Left, judge
from bot.chain.rpc import AccountData
from bot.errors import SendRejected
from bot.ports import SwapOrder
from bot.trading.intent import Side
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.route import Route

SOL = 1_000_000_000
SOLD_RAW, LEAST, FEE, TIP = 500, SOL, 50_000, 10_000
FEES = SIGNATURE_FEE_LAMPORTS + FEE + TIP
RENT = 2_039_280
SALE = SwapOrder(
    wallet_address="wallet",
    mint="mint",
    side=Side.SELL,
    venue=Route(Side.SELL, SOLD_RAW, LEAST, 0, 1),
    spend_lamports=0,
    token_raw=SOLD_RAW,
    limit_raw=LEAST,
    compute_unit_limit=1,
    priority_fee_lamports=FEE,
    tip_lamports=TIP,
)
BUY = replace(SALE, side=Side.BUY, spend_lamports=SOL, token_raw=SOLD_RAW, limit_raw=SOLD_RAW)
BEFORE = Left(5 * SOL, RENT, SOLD_RAW)


def test_a_sale_that_brings_its_minimum_is_good_and_a_lamport_less_is_not() -> None:
    good = Left(BEFORE.lamports + LEAST - FEES, RENT, 0)
    judge(SALE, BEFORE, good)
    judge(SALE, BEFORE, Left(good.lamports + RENT, 0, 0))
    for bad in (
        replace(good, lamports=good.lamports - 1),
        replace(good, token_raw=1),
        Left(good.lamports, 0, 0),
    ):
        with pytest.raises(SendRejected) as refused:
            judge(SALE, BEFORE, bad)
        assert refused.value.kind == "untrusted"


def test_a_buy_brings_its_tokens_and_takes_no_more_than_it_spends() -> None:
    none = Left(5 * SOL, 0, 0)
    most = SOL + FEES + OPENED_MAX_LAMPORTS
    judge(BUY, none, Left(none.lamports - SOL - FEES - RENT, RENT, SOLD_RAW))
    judge(BUY, none, Left(none.lamports - most, 0, SOLD_RAW))
    for bad in (Left(none.lamports - SOL, 0, SOLD_RAW - 1), Left(none.lamports - most - 1, 0, SOLD_RAW)):
        with pytest.raises(SendRejected):
            judge(BUY, none, bad)


def test_wrapped_sol_that_was_there_before_is_nobodys_gain() -> None:
    watched = ["wallet", "own", "wrapped"]
    program = str(at.TOKEN_PROGRAM)
    tokens = bytes(Pubkey.default()) * 2 + (7).to_bytes(8, "little")
    accounts = {
        "wallet": AccountData("system", b"", 3 * SOL),
        "own": AccountData(program, tokens, RENT),
        "wrapped": AccountData(program, tokens, RENT + SOL),
    }
    assert Left.of(watched, accounts) == Left(4 * SOL + RENT, RENT, 7)
    foreign = {**accounts, "own": AccountData("somebody", tokens, RENT), "wrapped": None}
    assert Left.of(watched, foreign) == Left(3 * SOL, RENT, 0)
