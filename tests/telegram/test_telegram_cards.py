"""Replies as Telegram takes them: parts that fit, in order and whole, and buttons that are commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import CONSENT_TEXT, PAPER_CONSENT_TEXT
from bot.ports import Button, OutboxMessage, Preview
from bot.telegram.gateway_cards import MAX_BUTTONS, MAX_UNITS, buttons_of, buttons_under, parts, units
from bot.telegram.parsing import parse
from bot.telegram.replies import offer_card
from bot.telegram.token_text import preset_lines
from bot.trading.curve import Curve, Fees, impact_bps, quote_buy, quote_sell
from bot.trading.intent import Side
from bot.trading.limits import UserSettings
from bot.trading.offer import Offer
from tests.trading.trading_samples import request

MINT = "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump"

lines = st.text(st.sampled_from("ab 🦊é"), max_size=200)
texts = st.builds(
    lambda line, times, tail: "\n".join([line] * times + [tail]),
    lines,
    st.integers(0, 100),
    st.text(st.sampled_from("xy🦊"), max_size=9000),
)


@given(texts)
def test_parts_fit_and_nothing_is_lost(text: str) -> None:
    found = parts(text)
    assert all(0 < units(part) <= MAX_UNITS and part.strip() for part in found)
    assert "".join(text.split()) == "".join("".join(found).split())


def test_a_short_reply_is_one_message_as_it_stands() -> None:
    assert parts("one\n  two") == ("one\n  two",)


def test_a_long_reply_is_cut_between_its_lines() -> None:
    line = "x" * 1000
    assert parts("\n".join([line] * 6)) == ("\n".join([line] * 4), "\n".join([line] * 2))


@pytest.mark.parametrize("text", ["", "\n", " \n "])
def test_a_reply_with_nothing_to_see_is_no_message(text: str) -> None:
    assert parts(text) == ()


def test_the_terms_are_accepted_by_a_button() -> None:
    assert buttons_under(f"The terms have changed.\n{CONSENT_TEXT}") == (Button("I agree", "/start agree"),)
    assert buttons_under(PAPER_CONSENT_TEXT) == (Button("I agree", "/start agree"),)


def test_each_position_is_sold_by_a_button_up_to_a_limit() -> None:
    reply = f"[live] a position\n  /sell {MINT} all\n[live] another one\n  /sell {MINT} all"
    assert [button.data for button in buttons_under(reply)] == [f"/sell {MINT} all"] * 2
    assert len(buttons_under("\n".join([reply] * 20))) == MAX_BUTTONS
    assert buttons_under("/sell MINT 50%|TOKENS|all - sell a share") == ()


def test_presets_below_a_card_are_buttons_whose_data_telegram_takes() -> None:
    settings = UserSettings(preset_buys_lamports=(10_000 * 10**9 - 1, 10**8), preset_sells_bps=(1_234, 10_000))
    buttons = buttons_under("\n".join(["It trades.", *preset_lines(MINT, settings, holds=True), "a line"]))
    assert [button.label for button in buttons] == ["Buy 9999.999999999 SOL", "Buy 0.1 SOL", "Sell 12.34%", "Sell 100%"]
    assert all(len(button.data.encode()) <= 64 for button in buttons)
    assert [parse(button.data).arguments for button in buttons] == [
        (MINT, "9999.999999999"),
        (MINT, "0.1"),
        (MINT, "12.34%"),
        (MINT, "100%"),
    ]
    assert len(buttons_under("\n".join(preset_lines(MINT, settings, holds=False)))) == 2
    assert parse(f" {MINT}\n").command.name == "info"


@pytest.mark.parametrize("side", (Side.BUY, Side.SELL))
def test_an_order_is_confirmed_or_cancelled_by_a_button_and_names_the_whole_token(side: Side) -> None:
    curve = Curve(10**15, 32 * 10**9, 7 * 10**14, 2 * 10**9, complete=False, creator="somebody", slot=1)
    quote = quote_buy(curve, 10**8, Fees()) if side is Side.BUY else quote_sell(curve, 3 * 10**12, Fees())
    offer = Offer("1a2b3c4d", request(side, mint=MINT), expires_at_ms=60_000)
    card = offer_card(offer, Preview("Wallet", quote, 77, impact_bps(curve, quote), 55_000, ("beware",)), 0)
    assert MINT in card
    assert "Warning: beware" in card
    assert "price impact 0.3 %" in card
    assert buttons_under(card) == (Button("Confirm", "/confirm 1a2b3c4d"), Button("Cancel", "/cancel 1a2b3c4d"))
    assert [parse(button.data).command.name for button in buttons_under(card)] == ["confirm", "cancel"]


@pytest.mark.parametrize(
    ("kind", "side", "count"), [("fill", "buy", 1), ("fill", "sell", 0), ("monitor_lost", None, 1)]
)
def test_what_is_held_can_be_sold_by_a_button(kind: str, side: str | None, count: int) -> None:
    buttons = buttons_of(OutboxMessage("m", "u", kind, {"side": side, "mint": MINT}, False, "t", 0))
    assert len(buttons) == count
    for button in buttons:
        assert parse(button.data).arguments == (MINT, "all")
        assert len(button.data.encode()) <= 64


def test_other_messages_have_no_buttons() -> None:
    assert buttons_of(OutboxMessage("m", "u", "adjustment", {"mint": MINT}, True, "t", 0)) == ()
