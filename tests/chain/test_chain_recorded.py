"""Transactions recorded from mainnet; the numbers here were read by hand from the files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import layouts, wire
from bot.chain.landed import event_payloads, landed_from
from bot.chain.pumpfun import curve_from, events_in_logs, launchpad_events
from bot.errors import DecodeError
from bot.trading.curve import Fees, quote_buy, quote_buy_tokens
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from bot.trading.launch import CurveTrade, TokenLaunch

LAUNCH_SLOT = 435_946_190
LAUNCH_MINT = "CWiTGbCiDd8BKtNYNE2boT9fJGFG2MU53Uf6HQk4pump"
LAUNCHER = "5htGpHK2oV9g2BcDqLdRBqjCLdy8mc3fsESfR5DU73eM"
BOUGHT_RAW = 96_449_438_144_093
INTO_CURVE_LAMPORTS = 2_962_962_962


def _plain(recorded: dict[str, Any]) -> wire.TransactionRecord:
    """A record in encoding `jsonParsed`, as recorded, in encoding `json`, as we ask for it; parsed instructions stay out."""
    message, meta = recorded["transaction"]["message"], recorded["meta"]
    keys = [one["pubkey"] for one in message["accountKeys"]]
    looked_up = [one for one in message["accountKeys"] if one["source"] == "lookupTable"]
    message["accountKeys"] = [one["pubkey"] for one in message["accountKeys"] if one["source"] == "transaction"]
    meta["loadedAddresses"] = {
        "writable": [one["pubkey"] for one in looked_up if one["writable"]],
        "readonly": [one["pubkey"] for one in looked_up if not one["writable"]],
    }
    for group in (message, *meta["innerInstructions"]):
        group["instructions"] = [
            {
                "programIdIndex": keys.index(one["programId"]),
                "accounts": [keys.index(account) for account in one["accounts"]],
                "data": one["data"],
            }
            for one in group["instructions"]
            if "data" in one
        ]
    return msgspec.convert(recorded, wire.TransactionRecord)


@pytest.fixture
def launch(shared_data: Path) -> wire.TransactionRecord:
    return _plain(json.loads((shared_data / "recorded/raw_create_tx_from_gettransaction.json").read_text())["result"])


@pytest.fixture
def usdc_buy(shared_data: Path) -> wire.TransactionRecord:
    return _plain(json.loads((shared_data / "recorded/raw_buy_tx_from_gettransaction.json").read_text())["result"])


def test_a_recorded_launch_with_its_creators_buy(launch: wire.TransactionRecord) -> None:
    assert launch.meta is not None
    logged = events_in_logs(launch.meta.log_messages or [])
    assert not logged.truncated
    created, bought = launchpad_events(logged.payloads, signature="s", slot=launch.slot, seen_at_ms=1)
    assert isinstance(created, TokenLaunch)
    assert (created.mint, created.name, created.symbol, created.slot) == (
        LAUNCH_MINT, "The Ass Statue", "TAS", LAUNCH_SLOT,
    )  # fmt: skip
    assert created.creator == LAUNCHER
    assert created.token_program == str(at.TOKEN_2022_PROGRAM)
    assert (created.curve.virtual_quote_lamports, created.curve.real_token_raw) == (30_000_000_000, 793_100_000_000_000)
    assert isinstance(bought, CurveTrade)
    assert (bought.mint, bought.trader, bought.is_buy) == (LAUNCH_MINT, LAUNCHER, True)
    assert (bought.token_raw, bought.quote_lamports) == (BOUGHT_RAW, INTO_CURVE_LAMPORTS)
    assert bought.curve.virtual_quote_lamports == 30_000_000_000 + INTO_CURVE_LAMPORTS
    assert bought.curve.virtual_token_raw == 976_550_561_855_907
    assert bought.curve.real_quote_lamports == INTO_CURVE_LAMPORTS
    assert not bought.curve.complete


def test_a_recorded_exact_spend_gives_the_tokens_of_the_formula(launch: wire.TransactionRecord) -> None:
    """The program keeps the lamport that rounding leaves; a quote through the token amount gives it back to the buyer."""
    assert launch.meta is not None
    payloads = events_in_logs(launch.meta.log_messages or []).payloads
    created, _ = launchpad_events(payloads, signature="s", slot=1, seen_at_ms=1)
    quote = quote_buy(created.curve, 3_000_000_000, Fees(95, 30))
    assert (quote.token_raw, quote.protocol_fee_lamports) == (BOUGHT_RAW, 28_148_149)
    assert 0 <= INTO_CURVE_LAMPORTS - quote.quote_lamports <= 1


def test_inner_instructions_tell_the_same_as_logs(launch: wire.TransactionRecord) -> None:
    assert launch.meta is not None
    wanted = {layouts.CREATE_EVENT, layouts.TRADE_EVENT}
    from_logs = events_in_logs(launch.meta.log_messages or []).payloads
    from_instructions = event_payloads(launch)
    assert [one for one in from_instructions if one[:8] in wanted] == [one for one in from_logs if one[:8] in wanted]


def test_what_the_recorded_launch_did_to_its_launcher(launch: wire.TransactionRecord) -> None:
    landed = landed_from(launch, "s", LAUNCHER, LAUNCH_MINT)
    assert (landed.slot, landed.block_time_s, landed.error) == (LAUNCH_SLOT, 1_785_327_618, None)
    assert landed.wallet_delta_lamports == 95_767_458_600 - 98_807_226_520
    assert landed.token_delta_raw == BOUGHT_RAW
    assert landed.rent_delta_lamports == 2_074_080
    assert landed.network_fee_lamports == 10_000
    fill = fill_from(landed, Side.BUY)
    assert (fill.quote_lamports, fill.protocol_fee_lamports) == (INTO_CURVE_LAMPORTS, 28_148_149)
    # 30,000,000 of tips, the rent of mint, curve and its token account, and the cashback of this coin's buyers.
    assert fill.other_lamports == 3_039_767_920 - INTO_CURVE_LAMPORTS - 28_148_149 - 10_000 - 2_074_080


def test_a_trade_of_a_coin_quoted_in_usdc_is_left_out(usdc_buy: wire.TransactionRecord) -> None:
    assert usdc_buy.meta is not None
    payloads = events_in_logs(usdc_buy.meta.log_messages or []).payloads
    assert [payload[:8] for payload in payloads] == [layouts.TRADE_EVENT]
    assert launchpad_events(payloads, signature="s", slot=1, seen_at_ms=1) == []


def test_the_event_of_a_router_is_not_the_launchpads(usdc_buy: wire.TransactionRecord) -> None:
    """The recorded router logs data of its own behind the launchpad's; only the launchpad's counts."""
    assert usdc_buy.meta is not None
    logs = usdc_buy.meta.log_messages or []
    assert sum(line.startswith("Program data: ") for line in logs) == 2
    assert len(events_in_logs(logs).payloads) == 1


def test_a_launch_recorded_from_a_block(shared_data: Path) -> None:
    recorded = json.loads((shared_data / "recorded/raw_create_tx_from_blocksubscribe.json").read_text())
    logs = recorded["meta"]["logMessages"]
    created, bought = launchpad_events(events_in_logs(logs).payloads, signature="s", slot=1, seen_at_ms=1)
    assert isinstance(created, TokenLaunch)
    assert isinstance(bought, CurveTrade)
    assert (created.name, created.symbol) == ("NYXORA", "NYXORA")
    assert created.mint == bought.mint
    assert bought.trader == created.creator
    quote = quote_buy_tokens(created.curve, bought.token_raw, Fees(95, 30))
    assert (bought.token_raw, bought.quote_lamports) == (3_520_371_073_923, 98_750_018)
    assert (quote.quote_lamports, quote.protocol_fee_lamports, quote.creator_fee_lamports) == (
        98_750_018, 938_126, 296_251,
    )  # fmt: skip


def test_a_recorded_curve_account(shared_data: Path) -> None:
    """151 bytes, read three minutes after the recorded launch; its creator is the same."""
    recorded = json.loads((shared_data / "recorded/raw_bonding_curve_from_getaccountinfo.json").read_text())["result"]
    data = base64.b64decode(recorded["value"]["data"][0])
    assert len(data) == 151
    curve = curve_from(layouts.decode_curve(data), recorded["context"]["slot"])
    assert curve.creator == LAUNCHER
    assert curve.virtual_token_raw == int.from_bytes(data[8:16], "little")
    assert curve.virtual_quote_lamports - curve.real_quote_lamports == 30_000_000_000
    assert curve.virtual_token_raw - curve.real_token_raw == 279_900_000_000_000
    assert (curve.complete, curve.slot) == (False, 435_946_373)


def test_a_record_without_its_wallet_is_refused(launch: wire.TransactionRecord) -> None:
    with pytest.raises(DecodeError):
        landed_from(launch, "s", str(Pubkey.new_unique()), LAUNCH_MINT)


def test_another_mint_of_the_wallet_did_not_move(launch: wire.TransactionRecord) -> None:
    landed = landed_from(launch, "s", LAUNCHER, str(at.WRAPPED_SOL_MINT))
    assert (landed.token_delta_raw, landed.rent_delta_lamports, landed.trade) == (0, 0, None)
