"""Our byte layouts: against the interface descriptions, against old and future sizes, and against any bytes at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import base58, layouts
from bot.errors import DecodeError
from bot.trading.curve import INITIAL_VIRTUAL_QUOTE_LAMPORTS, Fees
from bot.trading.failures import LAUNCHPAD_ERRORS
from tests.chain.borsh import Idl

KEYS = [Pubkey(bytes([number]) * 32) for number in range(1, 40)]


@pytest.fixture(scope="module")
def pump(shared_data: Path) -> Idl:
    return Idl(shared_data / "idl" / "pump_fun_idl.json")


@pytest.fixture(scope="module")
def pump_fees(shared_data: Path) -> Idl:
    return Idl(shared_data / "idl" / "pump_fees.json")


def test_discriminators_are_those_of_the_interface_description(pump: Idl, pump_fees: Idl) -> None:
    assert pump.discriminator("instructions", "buy_exact_quote_in_v2") == layouts.BUY_EXACT_QUOTE_IN_V2
    assert pump.discriminator("instructions", "sell_v2") == layouts.SELL_V2
    assert pump.discriminator("accounts", "BondingCurve") == layouts.BONDING_CURVE
    assert pump.discriminator("accounts", "Global") == layouts.GLOBAL
    assert pump_fees.discriminator("accounts", "FeeConfig") == layouts.FEE_CONFIG
    assert pump.discriminator("events", "CreateEvent") == layouts.CREATE_EVENT
    assert pump.discriminator("events", "TradeEvent") == layouts.TRADE_EVENT


def test_error_codes_are_those_of_the_interface_description(pump: Idl) -> None:
    known = pump.errors()
    assert {code: name for code, (name, _) in LAUNCHPAD_ERRORS.items()} == {
        code: known[code] for code in LAUNCHPAD_ERRORS
    }


def test_a_curve_account_as_described_is_read_field_by_field(pump: Idl) -> None:
    values = {
        "virtual_token_reserves": 2**63 + 1,
        "virtual_quote_reserves": 3,
        "real_token_reserves": 5,
        "real_quote_reserves": 7,
        "token_total_supply": 11,
        "complete": True,
        "creator": KEYS[0],
        "is_mayhem_mode": True,
        "quote_mint": KEYS[1],
    }
    account = layouts.decode_curve(layouts.BONDING_CURVE + pump.encode("BondingCurve", values))
    assert account == layouts.CurveAccount(2**63 + 1, 3, 5, 7, True, KEYS[0], True, KEYS[1])


def test_the_global_account_as_described_names_all_recipients(pump: Idl) -> None:
    values = {
        "fee_recipient": KEYS[0],
        "fee_recipients": KEYS[1:8],
        "reserved_fee_recipient": KEYS[8],
        "reserved_fee_recipients": KEYS[9:16],
        "buyback_fee_recipients": KEYS[16:24],
        "fee_basis_points": 95,
        "creator_fee_basis_points": 30,
    }
    account = layouts.decode_global(layouts.GLOBAL + pump.encode("Global", values))
    assert account.fees == Fees(95, 30)
    assert account.fee_recipients == tuple(KEYS[:8])
    assert account.reserved_fee_recipients == tuple(KEYS[8:16])
    assert account.buyback_fee_recipients == tuple(KEYS[16:24])


def test_fee_tiers_as_described_are_read_in_order(pump_fees: Idl) -> None:
    def tier(threshold: int, protocol: int, creator: int) -> dict[str, object]:
        fees = {"lp_fee_bps": 20, "protocol_fee_bps": protocol, "creator_fee_bps": creator}
        return {"market_cap_lamports_threshold": threshold, "fees": fees}

    values = {"fee_tiers": [tier(0, 95, 30), tier(2**70, 5, 90)], "stable_fee_tiers": [tier(0, 1, 1)]}
    data = layouts.FEE_CONFIG + pump_fees.encode("FeeConfig", values)
    expected = (layouts.FeeTier(0, Fees(95, 30)), layouts.FeeTier(2**70, Fees(5, 90)))
    assert layouts.decode_fee_tiers(data.ljust(4097, b"\x00")) == expected


def test_a_trade_event_as_described_is_read_field_by_field(pump: Idl) -> None:
    values = {
        "mint": KEYS[0],
        "sol_amount": 2,
        "token_amount": 3,
        "is_buy": True,
        "user": KEYS[1],
        "timestamp": -5,
        "virtual_sol_reserves": 7,
        "virtual_token_reserves": 11,
        "real_sol_reserves": 13,
        "real_token_reserves": 17,
        "fee": 19,
        "creator": KEYS[2],
        "creator_fee": 23,
    }
    data = layouts.TRADE_EVENT + pump.encode("TradeEvent", values)
    expected = layouts.TradeEvent(KEYS[0], 2, 3, True, KEYS[1], -5, 7, 11, 13, 17, 19, KEYS[2], 23)
    assert layouts.decode_trade_event(data) == expected
    assert layouts.decode_trade_event(data + bytes(80)) == expected
    assert layouts.decode_trade_event(data[:266]) == expected


def test_a_create_event_as_described_is_read_field_by_field(pump: Idl) -> None:
    values = {
        "name": "Bread",
        "symbol": "BRD",
        "uri": "ipfs://bread",
        "mint": KEYS[0],
        "bonding_curve": KEYS[1],
        "user": KEYS[2],
        "creator": KEYS[3],
        "virtual_token_reserves": 5,
        "virtual_sol_reserves": 7,
        "real_token_reserves": 11,
        "token_program": at.TOKEN_2022_PROGRAM,
        "is_mayhem_mode": True,
        "quote_mint": at.WRAPPED_SOL_MINT,
        "virtual_quote_reserves": 13,
    }
    data = layouts.CREATE_EVENT + pump.encode("CreateEvent", values)
    expected = layouts.CreateEvent(
        "Bread", "BRD", "ipfs://bread", KEYS[0], KEYS[2], KEYS[3], 5, 13, 11, at.TOKEN_2022_PROGRAM, True,
        at.WRAPPED_SOL_MINT,
    )  # fmt: skip
    assert layouts.decode_create_event(data) == expected
    assert layouts.decode_create_event(data + bytes(9)) == expected


def test_the_shortest_trade_event_lacks_only_its_fees() -> None:
    data = layouts.TRADE_EVENT + bytes(KEYS[0]) + bytes(8 + 8 + 1) + bytes(KEYS[1]) + bytes(8 * 5)
    event = layouts.decode_trade_event(data)
    assert len(data) == 129
    assert (event.mint, event.user, event.creator, event.protocol_fee_lamports) == (KEYS[0], KEYS[1], at.ZERO_KEY, 0)
    with pytest.raises(DecodeError):
        layouts.decode_trade_event(data[:128])


def test_the_shortest_create_event_starts_at_the_launchpads_own_reserves() -> None:
    texts = b"".join(len(text).to_bytes(4, "little") + text for text in (b"a", b"b", b"c"))
    data = layouts.CREATE_EVENT + texts + bytes(KEYS[0]) + bytes(KEYS[1]) + bytes(KEYS[2])
    event = layouts.decode_create_event(data)
    assert (event.mint, event.user, event.creator) == (KEYS[0], KEYS[2], KEYS[2])
    assert event.virtual_quote_raw == INITIAL_VIRTUAL_QUOTE_LAMPORTS
    assert event.token_program == at.TOKEN_PROGRAM
    with pytest.raises(DecodeError):
        layouts.decode_create_event(data[:-1])


@pytest.mark.parametrize("length", [81, 82, 115, 124, 125, 151, 256])
def test_curve_accounts_of_every_size_are_read(length: int) -> None:
    data = (layouts.BONDING_CURVE + bytes([9]) * 73).ljust(length, b"\x00")
    account = layouts.decode_curve(data)
    assert account.creator == Pubkey(bytes([9]) * 32)
    assert (account.is_mayhem, account.quote_mint) == (False, at.ZERO_KEY)


def test_a_curve_account_that_is_cut_short_is_refused() -> None:
    with pytest.raises(DecodeError):
        layouts.decode_curve(layouts.BONDING_CURVE + bytes(72))


DECODERS: list[tuple[bytes, Callable[[bytes], object]]] = [
    (layouts.BONDING_CURVE, layouts.decode_curve),
    (layouts.GLOBAL, layouts.decode_global),
    (layouts.FEE_CONFIG, layouts.decode_fee_tiers),
    (layouts.CREATE_EVENT, layouts.decode_create_event),
    (layouts.TRADE_EVENT, layouts.decode_trade_event),
]


@pytest.mark.parametrize(("discriminator", "decode"), DECODERS)
@given(body=st.binary(max_size=600), whole=st.booleans())
def test_any_bytes_are_read_or_refused(
    discriminator: bytes, decode: Callable[[bytes], object], body: bytes, whole: bool
) -> None:
    try:
        decode(body if whole else discriminator + body)
    except DecodeError as error:
        assert str(error)


@given(text=st.text(max_size=200))
def test_any_text_is_base58_or_refused(text: str) -> None:
    try:
        assert isinstance(base58.decode(text), bytes)
    except DecodeError as error:
        assert str(error)


@given(key=st.binary(min_size=32, max_size=32))
def test_base58_agrees_with_the_key_library(key: bytes) -> None:
    assert base58.decode(str(Pubkey.from_bytes(key))) == key


def test_an_absurdly_long_base58_text_is_refused() -> None:
    with pytest.raises(DecodeError):
        base58.decode("2" * (base58.MAX_LENGTH + 1))


def test_derived_addresses_are_those_of_mainnet() -> None:
    assert str(at.GLOBAL) == "4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf"
    assert str(at.EVENT_AUTHORITY) == "Ce6TQqeHC9p8KetsN6JsjHK7UTZk7nasjjnr7XxXp9F1"
    assert str(at.GLOBAL_VOLUME_ACCUMULATOR) == "Hq2wp8uJ9jCPsYgNHex8RtqdvMPfVGoYwjvF1ATiwn2Y"
    assert str(at.FEE_CONFIG) == "8Wf5TiAheLUqBrKXeYg2JtAFFMWtKdG2BSFgqUcPVwTt"
