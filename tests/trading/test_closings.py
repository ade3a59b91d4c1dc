"""What a closing must show on the chain, what it is in the ledger, and what a request for one may say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.closing import FEE_LAMPORTS, EmptyAccount, check_closed, worth_closing
from bot.trading.fill import EvidenceError, LandedTransaction
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.ledger import Account, legs_of_closing

RENTS = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 10**7), min_size=1)


def landed(closed: dict[str, int], *, fee_lamports: int = FEE_LAMPORTS) -> LandedTransaction:
    delta = sum(closed.values()) - fee_lamports
    return LandedTransaction("s", 7, 0, None, None, fee_lamports, delta, 0, 0, None, closed=closed)


@given(closed=RENTS, locked=st.dictionaries(st.sampled_from("ABCDEF"), st.integers(-(10**7), 10**7)))
def test_the_legs_balance_and_take_no_more_rent_than_is_locked(closed: dict[str, int], locked: dict[str, int]) -> None:
    legs = legs_of_closing(landed(closed), locked)
    assert sum(leg.lamports for leg in legs) == 0
    rent = -sum(leg.lamports for leg in legs if leg.account is Account.RENT)
    assert 0 <= rent <= sum(max(0, locked.get(mint, 0)) for mint in closed)
    assert all(leg.lamports for leg in legs)


@given(closed=RENTS)
def test_a_transaction_that_closed_just_these_accounts_is_a_closing(closed: dict[str, int]) -> None:
    check_closed(landed(closed), list(closed))


@pytest.mark.parametrize(
    "strange",
    [
        replace(landed({"A": 5}), error="landed with an error"),
        landed({"A": 5, "B": 5}),
        landed({}),
        replace(landed({"A": 5}), wallet_delta_lamports=9),
    ],
)
def test_anything_else_is_none(strange: LandedTransaction) -> None:
    with pytest.raises(EvidenceError):
        check_closed(strange, ["A"])


def test_an_account_whose_rent_does_not_pay_the_fee_is_left() -> None:
    poor, rich = (EmptyAccount(name, name, "program", FEE_LAMPORTS + more) for name, more in (("A", 0), ("B", 1)))
    assert worth_closing([poor, rich]) == (rich,)


def request(side: Side, **changes: object) -> TradeRequest:
    fields: dict[str, object] = {"mint": "", "closes": ("A",), **changes}
    return TradeRequest(
        "key",
        "user",
        "wallet",
        Mode.LIVE,
        side,
        context=Context.AUTOMATED,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id="wallet",
        reason="emptied accounts",
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("side", "changes"),
    [
        (Side.CLOSE, {"closes": ()}),
        (Side.CLOSE, {"mint": "A"}),
        (Side.CLOSE, {"spend_lamports": 1}),
        (Side.CLOSE, {"token_raw": 1}),
        (Side.CLOSE, {"share_bps": 1}),
        (Side.BUY, {"mint": "A", "spend_lamports": 1}),
        (Side.SELL, {"mint": "A", "share_bps": 1}),
    ],
)
def test_a_closing_trades_nothing_and_nothing_else_closes_accounts(side: Side, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="closing"):
        request(side, **changes)
    assert request(Side.CLOSE).closes == ("A",)
