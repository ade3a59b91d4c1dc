"""The launchpad's stand-in against the official SDK's numbers, its events, and the errors that traders meet."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet import launchpad
from bot.localnet.addresses import FEE_RECIPIENTS, LAUNCHPAD_PROGRAM, associated_token, bonding_curve, creator_vault
from bot.localnet.inprocess import InProcessChain
from bot.localnet.programs import HERE, ProgramError, load_program
from bot.localnet.programs import __name__ as programs_name
from bot.localnet.programs.build import NAMES, build
from bot.localnet.rpc import base58
from bot.localnet.tokens import token_account
from tests.localnet.localnet_scenario import SOL, Coin, encoded, send, signed, wallet

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text())["bonding_curve"]
TRADE_EVENT = bytes.fromhex("bddb7fd34ee661ee")
COMPLETE_EVENT = bytes.fromhex("5f72619cd42e9808")
OLDER_BUY, OLDER_SELL = bytes.fromhex("66063d1201daebea"), bytes.fromhex("33e685a4017f83ad")
RICH = 10_000 * SOL


@pytest.fixture
def chain() -> InProcessChain:
    chain = InProcessChain(seed=2)
    chain.step()
    return chain


def set_curve(coin: Coin, *, virtual_token: int, virtual_quote: int, real_token: int) -> None:
    """Give a coin's curve the reserves of a vector, and SOL enough for every sale of it."""
    key = bonding_curve(coin.mint.pubkey())
    accounts = coin.chain.cluster.chain.accounts
    account = accounts.get(key)
    assert account is not None
    real_quote = virtual_quote
    data = bytearray(account.data)
    struct.pack_into("<4Q", data, 8, virtual_token, virtual_quote, real_token, real_quote)
    accounts.put(key, Account(launchpad.rent_exempt_lamports(len(data)) + real_quote, bytes(data), account.owner))


def hold(coin: Coin, owner: Keypair, token_raw: int) -> None:
    """Give a wallet tokens by decree."""
    key = associated_token(owner.pubkey(), coin.mint.pubkey())
    accounts = coin.chain.cluster.chain.accounts
    account = accounts.get(key)
    assert account is not None
    data = bytearray(account.data)
    struct.pack_into("<Q", data, 64, token_raw)
    accounts.put(key, Account(account.lamports, bytes(data), account.owner))


def simulated(chain: InProcessChain, transaction: Any, *watch: Any) -> tuple[Any, list[Any]]:
    """The error of a simulation, and the accounts that were watched as raw bytes and lamports."""
    options = {
        "encoding": "base64",
        "replaceRecentBlockhash": True,
        "commitment": "processed",
        "accounts": {"encoding": "base64", "addresses": [str(key) for key in watch]},
    }
    value = chain.call("simulateTransaction", encoded(transaction), options)["value"]
    states = [
        None if state is None else (state["lamports"], base64.b64decode(state["data"][0]))
        for state in value["accounts"]
    ]
    return value["err"], states


def tokens_in(state: tuple[int, bytes]) -> int:
    (amount,) = struct.unpack_from("<Q", state[1], 64)
    return amount


def test_every_vector_of_the_official_sdk_comes_out_to_the_lamport(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain, RICH)
    mint, creator = coin.mint.pubkey(), coin.creator.pubkey()
    tokens = associated_token(user.pubkey(), mint)
    send(chain, coin.buy(user, SOL))
    chain.step(2)
    for vector in VECTORS:
        set_curve(coin, virtual_token=vector["vt"], virtual_quote=vector["vq"], real_token=vector["rt"])
        hold(coin, user, vector["tok"])
        bought, cost, proceeds = (int(number) for number in vector["out"])

        error, (after,) = simulated(chain, coin.buy(user, vector["sol"]), tokens)
        assert (error, tokens_in(after) - vector["tok"]) == (None, bought)

        for limit, expected in ((cost, None), (cost - 1, {"InstructionError": [0, {"Custom": 6002}]})):
            instruction = launchpad.buy_v2(
                mint, user.pubkey(), creator, token_raw=vector["tok"], max_pay_lamports=limit
            )
            error, _ = simulated(chain, signed(chain, [instruction], user))
            assert error == expected

        for limit, expected in ((proceeds, None), (proceeds + 1, {"InstructionError": [0, {"Custom": 6003}]})):
            error, _ = simulated(chain, coin.sell(user, vector["tok"], limit))
            assert error == expected


def older(coin: Coin, user: Keypair, data: bytes, *, buys: bool) -> Instruction:
    """A trade by an instruction of before the second version: its accounts in the order of the interface description."""

    def account(key: Pubkey, *, writable: bool = False, signer: bool = False) -> AccountMeta:
        return AccountMeta(key, is_signer=signer, is_writable=writable)

    mint, owner = coin.mint.pubkey(), user.pubkey()
    curve, vault = bonding_curve(mint), account(creator_vault(coin.creator.pubkey()), writable=True)
    programs = (account(at.SYSTEM_PROGRAM), account(at.TOKEN_2022_PROGRAM))
    volume = (account(at.GLOBAL_VOLUME_ACCUMULATOR), account(at.user_volume_accumulator(owner), writable=True))
    accounts = [
        account(at.GLOBAL_ACCOUNT),
        account(FEE_RECIPIENTS[1], writable=True),
        account(mint),
        account(curve, writable=True),
        account(associated_token(curve, mint), writable=True),
        account(associated_token(owner, mint), writable=True),
        account(owner, writable=True, signer=True),
        *([*programs, vault] if buys else [programs[0], vault, programs[1]]),
        account(at.EVENT_AUTHORITY),
        account(LAUNCHPAD_PROGRAM),
        *(volume if buys else ()),
        account(at.FEE_CONFIG_ACCOUNT),
        account(at.LAUNCHPAD_FEES_PROGRAM),
        account(at.derive(LAUNCHPAD_PROGRAM, b"bonding-curve-v2", bytes(mint))),
        account(at.BUYBACK_RECIPIENTS[3], writable=True),
    ]
    return Instruction(LAUNCHPAD_PROGRAM, data, accounts)


def test_the_older_instructions_trade_at_the_same_price_and_keep_the_same_bounds(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain, RICH)
    send(chain, coin.buy(user, SOL))
    chain.step(2)
    token_raw, before = 10**12, coin.curve
    cost = launchpad.with_fees(before.quote_to_buy(token_raw))
    for limit, expected in ((cost - 1, {"InstructionError": [0, {"Custom": 6002}]}), (cost, None)):
        buy = older(coin, user, OLDER_BUY + struct.pack("<QQB", token_raw, limit, 1), buys=True)
        assert simulated(chain, signed(chain, [buy], user))[0] == expected
    send(chain, signed(chain, [buy], user))
    chain.step(2)
    assert coin.curve == before.after_buy(token_raw)
    proceeds = launchpad.without_fees(coin.curve.quote_to_sell(token_raw))
    for limit, expected in ((proceeds + 1, {"InstructionError": [0, {"Custom": 6003}]}), (proceeds, None)):
        sale = older(coin, user, OLDER_SELL + struct.pack("<QQ", token_raw, limit), buys=False)
        assert simulated(chain, signed(chain, [sale], user))[0] == expected
    after = coin.curve.after_sell(token_raw)
    send(chain, signed(chain, [sale], user))
    chain.step(2)
    assert coin.curve == after


def test_our_own_arithmetic_agrees_with_the_program_trade_after_trade(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain, RICH)
    expected = coin.curve
    for spend in (SOL, 70_001, 123_456_789, 20 * SOL):
        token_raw = expected.tokens_for(spend)
        expected = expected.after_buy(token_raw)
        send(chain, coin.buy(user, spend))
        chain.step(2)
        assert coin.curve == expected
        expected = expected.after_sell(token_raw // 3)
        send(chain, coin.sell(user, token_raw // 3))
        chain.step(2)
        assert coin.curve == expected


def test_a_buy_pays_curve_fees_creator_and_nobody_else(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    accounts = chain.cluster.chain.accounts
    signature = send(chain, coin.buy(user, SOL))
    chain.step(2)
    answer = chain.call("getTransaction", signature, {"commitment": "confirmed", "maxSupportedTransactionVersion": 1})
    keys = answer["transaction"]["message"]["accountKeys"]
    change = {
        key: after - before
        for key, before, after in zip(keys, answer["meta"]["preBalances"], answer["meta"]["postBalances"], strict=True)
    }
    quote = coin.curve.real_quote_lamports
    protocol_fee, creator_fee = launchpad.ceil_bps(quote, 95), launchpad.ceil_bps(quote, 30)
    assert change[str(bonding_curve(coin.mint.pubkey()))] == quote
    assert change[str(FEE_RECIPIENTS[0])] == protocol_fee - protocol_fee // 2
    vault = accounts.get(creator_vault(coin.creator.pubkey()))
    assert vault is not None
    assert vault.lamports == max(creator_fee, 890_880)
    assert sum(change.values()) == -answer["meta"]["fee"]


def events_of(chain: InProcessChain, signature: str) -> list[bytes]:
    """The events of a transaction; the log and the event CPIs must tell the same ones."""
    chain.step(2)
    answer = chain.call(
        "getTransaction",
        signature,
        {"commitment": "confirmed", "maxSupportedTransactionVersion": 1, "encoding": "json"},
    )
    logged = [
        base64.b64decode(line.removeprefix("Program data: "))
        for line in answer["meta"]["logMessages"]
        if line.startswith("Program data: ")
    ]
    keys = answer["transaction"]["message"]["accountKeys"]
    program = keys.index(str(LAUNCHPAD_PROGRAM))
    called = [
        base58.decode(one["data"])[8:]
        for group in answer["meta"]["innerInstructions"]
        for one in group["instructions"]
        if one["programIdIndex"] == program
    ]
    assert called == logged
    return logged


def test_a_trade_tells_its_event_in_the_log_and_as_a_call(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    (event,) = events_of(chain, send(chain, coin.buy(user, SOL)))
    assert event[:8] == TRADE_EVENT
    assert event[8:40] == bytes(coin.mint.pubkey())
    quote, token, is_buy = struct.unpack_from("<QQ?", event, 40)
    assert (quote, is_buy) == (coin.curve.real_quote_lamports, True)
    assert token == launchpad.REAL_TOKEN_RAW - coin.curve.real_token_raw
    assert event[57:89] == bytes(user.pubkey())
    assert struct.unpack_from("<QQ", event, 97) == (coin.curve.virtual_quote_lamports, coin.curve.virtual_token_raw)


def test_the_last_token_completes_the_curve_and_ends_trading_on_it(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain, RICH)
    trade, complete = events_of(chain, send(chain, coin.buy(user, 200 * SOL)))
    assert (trade[:8], complete[:8]) == (TRADE_EVENT, COMPLETE_EVENT)
    assert coin.curve.complete
    assert coin.curve.real_quote_lamports == pytest.approx(85_005_359_057, abs=2)
    error, _ = simulated(chain, coin.sell(user, 1_000_000))
    assert error == {"InstructionError": [0, {"Custom": 6005}]}


def test_a_launch_leaves_a_mint_without_authorities_and_the_supply_in_the_curve(chain: InProcessChain) -> None:
    coin = Coin.launched(chain)
    mint = chain.call("getAccountInfo", str(coin.mint.pubkey()), {"encoding": "jsonParsed", "commitment": "processed"})
    info = mint["value"]["data"]["parsed"]["info"]
    assert (info["mintAuthority"], info["freezeAuthority"], info["decimals"]) == (None, None, 6)
    curve = bonding_curve(coin.mint.pubkey())
    held = token_account(chain.cluster.chain.accounts.get(associated_token(curve, coin.mint.pubkey())))
    assert held is not None
    assert held.amount_raw == launchpad.TOKEN_SUPPLY_RAW


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        (launchpad.BUY_V2 + struct.pack("<QQ", 0, SOL), 6020),
        (launchpad.BUY_V2 + struct.pack("<QQ", launchpad.REAL_TOKEN_RAW + 1, 1000 * SOL), 6021),
        (launchpad.BUY_EXACT_QUOTE_IN_V2 + struct.pack("<QQ", SOL, launchpad.REAL_TOKEN_RAW), 6042),
        (bytes(24), 101),
    ],
)
def test_the_program_refuses_with_the_launchpads_own_codes(
    chain: InProcessChain, instruction: bytes, code: int
) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    built = launchpad.buy_v2(coin.mint.pubkey(), user.pubkey(), coin.creator.pubkey(), token_raw=1, max_pay_lamports=1)
    changed = type(built)(built.program_id, instruction, built.accounts)
    error, _ = simulated(chain, signed(chain, [changed], user))
    assert error == {"InstructionError": [0, {"Custom": code}]}


def test_selling_a_crumb_that_does_not_cover_its_fees_is_refused(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    send(chain, coin.buy(user, SOL))
    chain.step(2)
    error, _ = simulated(chain, coin.sell(user, 40_000))
    assert error == {"InstructionError": [0, {"Custom": 6003}]}


@pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed; see requirements-program.lock")
def test_the_committed_program_is_what_its_source_builds() -> None:
    for name in NAMES:
        assert build(name) == load_program(name)


def test_a_program_that_is_not_the_committed_one_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert hashlib.sha256(load_program("pump")).hexdigest() in (HERE / "pump.so.sha256").read_text()
    for name in ("pump.so", "pump.so.sha256"):
        (tmp_path / name).write_bytes((HERE / name).read_bytes())
    monkeypatch.setattr(f"{programs_name}.HERE", tmp_path)
    code = bytearray((tmp_path / "pump.so").read_bytes())
    code[5_000] ^= 1
    (tmp_path / "pump.so").write_bytes(code)
    with pytest.raises(ProgramError, match="does not match"):
        load_program("pump")
