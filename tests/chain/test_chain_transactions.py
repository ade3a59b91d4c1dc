"""The transactions that we build: accounts as described, fees that never exceed, sizes that fit, signatures that hold."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.keypair import Keypair
from solders.message import MessageV0, from_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain import layouts, transactions
from bot.errors import DecodeError, SendRejected
from bot.localnet.inprocess import InProcessChain
from bot.ports import SwapOrder
from bot.trading.curve import Curve, Fees, quote_buy, quote_sell
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from bot.trading.units import ceil_div
from tests.chain.borsh import Idl
from tests.chain.chain_doubles import NEVER_SENT
from tests.chain.chain_scenario import SOL, World, virtual_world

VECTORS = Path(__file__).parents[1] / "data" / "vectors.json"
WALLET = Keypair.from_seed(bytes(range(32)))
MINT, CREATOR, FEE, BUYBACK = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3, 4))
CURVE = Curve(1_073 * 10**12, 30 * SOL, 793_100 * 10**9, 0, False, str(CREATOR), 1)
FACTS = transactions.CoinFacts(at.TOKEN_2022_PROGRAM, is_mayhem=False)
RECIPIENTS = transactions.Recipients(FEE, BUYBACK)


def _order(side: Side, **changes: object) -> SwapOrder:
    order = SwapOrder(str(WALLET.pubkey()), str(MINT), side, CURVE, 5 * SOL, 77, 66, 120_000, 50_000)
    return replace(order, **changes)


def _message(order: SwapOrder, facts: transactions.CoinFacts = FACTS) -> MessageV0:
    message = from_bytes_versioned(transactions.build_message(order, facts, RECIPIENTS, Hash.default()))
    assert isinstance(message, MessageV0)
    return message


def _named_accounts(message: MessageV0, instruction: CompiledInstruction) -> Iterator[tuple[Pubkey, bool, bool]]:
    for index in instruction.accounts:
        yield message.account_keys[index], message.is_maybe_writable(index), message.is_signer(index)


@pytest.mark.parametrize(
    ("side", "name", "data"),
    [
        (Side.BUY, "buy_exact_quote_in_v2", struct.pack("<2Q", 5 * SOL, 66)),
        (Side.SELL, "sell_v2", struct.pack("<2Q", 77, 66)),
    ],
)
def test_the_trade_is_laid_out_as_described(shared_data: Path, side: Side, name: str, data: bytes) -> None:
    idl = Idl(shared_data / "idl" / "pump_fun_idl.json")
    message = _message(_order(side))
    (trade,) = (one for one in message.instructions if message.account_keys[one.program_id_index] == at.PUMP_PROGRAM)
    assert bytes(trade.data) == idl.discriminator("instructions", name) + data
    assert [kind for _, kind in idl.arguments(name)] == ["u64", "u64"]
    found = list(_named_accounts(message, trade))
    described = idl.accounts(name)
    assert len(found) == len(described) == (27 if side is Side.BUY else 26)
    for (key, writable, signer), (account, should_write, should_sign) in zip(found, described, strict=True):
        assert (writable, signer) == (should_write, should_sign), account
        assert key == _expected(account), account


def _expected(name: str) -> Pubkey:
    """The account of each name, from the seeds that the interface description and SDK give."""
    user, curve, vault = WALLET.pubkey(), _pda(b"bonding-curve", MINT), _pda(b"creator-vault", CREATOR)
    volume = _pda(b"user_volume_accumulator", user)
    quote_owners = {
        "associated_quote_fee_recipient": FEE,
        "associated_quote_buyback_fee_recipient": BUYBACK,
        "associated_quote_bonding_curve": curve,
        "associated_quote_user": user,
        "associated_creator_vault": vault,
        "associated_user_volume_accumulator": volume,
    }
    if name in quote_owners:
        return _associated(quote_owners[name], at.TOKEN_PROGRAM, at.WRAPPED_SOL_MINT)
    return {
        "global": at.GLOBAL,
        "base_mint": MINT,
        "quote_mint": at.WRAPPED_SOL_MINT,
        "base_token_program": at.TOKEN_2022_PROGRAM,
        "quote_token_program": at.TOKEN_PROGRAM,
        "associated_token_program": at.ATA_PROGRAM,
        "fee_recipient": FEE,
        "buyback_fee_recipient": BUYBACK,
        "bonding_curve": curve,
        "associated_base_bonding_curve": _associated(curve, at.TOKEN_2022_PROGRAM, MINT),
        "user": user,
        "associated_base_user": _associated(user, at.TOKEN_2022_PROGRAM, MINT),
        "creator_vault": vault,
        "sharing_config": Pubkey.find_program_address([b"sharing-config", bytes(MINT)], at.FEES_PROGRAM)[0],
        "global_volume_accumulator": at.GLOBAL_VOLUME_ACCUMULATOR,
        "user_volume_accumulator": volume,
        "fee_config": at.FEE_CONFIG,
        "fee_program": at.FEES_PROGRAM,
        "system_program": at.SYSTEM_PROGRAM,
        "event_authority": at.EVENT_AUTHORITY,
        "program": at.PUMP_PROGRAM,
    }[name]


def _pda(seed: bytes, key: Pubkey) -> Pubkey:
    return Pubkey.find_program_address([seed, bytes(key)], at.PUMP_PROGRAM)[0]


def _associated(owner: Pubkey, program: Pubkey, mint: Pubkey) -> Pubkey:
    return Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], at.ATA_PROGRAM)[0]


def _programs(message: MessageV0) -> list[Pubkey]:
    return [message.account_keys[one.program_id_index] for one in message.instructions]


def test_a_buy_opens_its_token_account_and_a_sale_may_close_it() -> None:
    budget = [at.COMPUTE_BUDGET_PROGRAM] * 2
    assert _programs(_message(_order(Side.BUY))) == [*budget, at.ATA_PROGRAM, at.PUMP_PROGRAM]
    assert _programs(_message(_order(Side.SELL))) == [*budget, at.PUMP_PROGRAM]
    closing = _message(_order(Side.SELL, close_account=True))
    assert _programs(closing) == [*budget, at.PUMP_PROGRAM, at.TOKEN_2022_PROGRAM]
    old_coin = transactions.CoinFacts(at.TOKEN_PROGRAM, is_mayhem=False)
    assert _programs(_message(_order(Side.SELL, close_account=True), old_coin))[-1] == at.TOKEN_PROGRAM


@given(side=st.sampled_from((Side.BUY, Side.SELL)), close=st.booleans(), seed=st.binary(min_size=32, max_size=32))
def test_every_trade_fits_one_packet(side: Side, close: bool, seed: bytes) -> None:
    order = _order(side, close_account=close, mint=str(Pubkey(seed)))
    message = transactions.build_message(order, FACTS, RECIPIENTS, Hash.default())
    assert len(transactions.unsigned_wire(message)) <= transactions.PACKET_BYTES


@given(fee=st.integers(0, 10**10), limit=st.integers(1, 1_400_000))
def test_the_priority_fee_never_exceeds_what_was_given(fee: int, limit: int) -> None:
    charged = ceil_div(transactions.compute_unit_price(fee, limit) * limit, transactions.MICRO_LAMPORTS)
    assert charged <= fee
    assert fee - charged <= ceil_div(limit, transactions.MICRO_LAMPORTS)


@pytest.mark.parametrize("limit", [0, -1, 2**32])
def test_an_impossible_compute_limit_is_refused(limit: int) -> None:
    with pytest.raises(SendRejected):
        _message(_order(Side.BUY, compute_unit_limit=limit))


GLOBAL = layouts.GlobalAccount(Fees(95, 30), (FEE, MINT), (CREATOR,), (BUYBACK, FEE, MINT))


@given(seed=st.binary(min_size=32, max_size=32))
def test_recipients_are_allowed_ones_and_the_same_for_the_same_mint(seed: bytes) -> None:
    mint = Pubkey(seed)
    picked = transactions.pick_recipients(GLOBAL, mint, is_mayhem=False)
    assert picked.protocol in GLOBAL.fee_recipients
    assert picked.buyback in GLOBAL.buyback_fee_recipients
    assert picked == transactions.pick_recipients(GLOBAL, mint, is_mayhem=False)
    assert transactions.pick_recipients(GLOBAL, mint, is_mayhem=True).protocol == CREATOR


def test_a_launchpad_without_fee_recipients_is_refused() -> None:
    with pytest.raises(DecodeError):
        transactions.pick_recipients(replace(GLOBAL, buyback_fee_recipients=()), MINT, is_mayhem=False)


def test_a_signed_message_becomes_the_bytes_of_the_wire() -> None:
    message = transactions.build_message(_order(Side.BUY), FACTS, RECIPIENTS, Hash.default())
    raw, signature = transactions.assemble(message, bytes(WALLET.sign_message(message)))
    parsed = VersionedTransaction.from_bytes(raw)
    assert parsed.verify_with_results() == [True]
    assert str(parsed.signatures[0]) == signature


@pytest.mark.parametrize("signature", [bytes(64), bytes(63), b""])
def test_a_signature_that_is_not_the_wallets_is_refused(signature: bytes) -> None:
    message = transactions.build_message(_order(Side.BUY), FACTS, RECIPIENTS, Hash.default())
    with pytest.raises(SendRejected):
        transactions.assemble(message, signature)


def test_a_signature_of_another_message_is_refused() -> None:
    message = transactions.build_message(_order(Side.BUY), FACTS, RECIPIENTS, Hash.default())
    other = transactions.build_message(_order(Side.SELL), FACTS, RECIPIENTS, Hash.default())
    with pytest.raises(SendRejected):
        transactions.assemble(message, bytes(WALLET.sign_message(other)))


async def test_the_official_sdks_quotes_come_true_on_the_chain(autojump_clock: MockClock) -> None:
    """Each vector's reserves are put on the local chain; our buy and our sale move exactly what the SDK predicts."""
    vectors = json.loads(VECTORS.read_text())["bonding_curve"]
    net = InProcessChain(seed=11)
    async with virtual_world(net) as world:
        trader, creator = await world.funded(1_000 * SOL), await world.funded()
        mint = await world.launched(creator)
        await world.landed(trader, await world.buy_order(trader, mint, SOL))
        for vector in vectors:
            _set_reserves(net, mint, vector)
            _set_tokens(net, str(at.bonding_curve(Pubkey.from_string(mint))), mint, 10**15)
            bought = fill_from(await world.landed(trader, await world.buy_order(trader, mint, vector["sol"])), Side.BUY)
            assert bought.token_raw == int(vector["out"][0])
            assert -bought.wallet_delta_lamports - bought.network_fee_lamports <= vector["sol"]
            _set_reserves(net, mint, vector)
            _set_tokens(net, str(trader.pubkey()), mint, vector["tok"])
            order = await world.sell_order(trader, mint, vector["tok"])
            sold = fill_from(await world.landed(trader, order), Side.SELL)
            assert sold.wallet_delta_lamports + sold.network_fee_lamports == int(vector["out"][2])


def _set_reserves(net: InProcessChain, mint: str, vector: dict[str, int]) -> None:
    key = at.bonding_curve(Pubkey.from_string(mint))
    account = net.cluster.chain.accounts.get(key)
    assert account is not None
    data = bytearray(account.data)
    struct.pack_into("<4Q", data, 8, vector["vt"], vector["vq"], vector["rt"], vector["vq"])
    data[48] = 0
    net.cluster.chain.accounts.put(key, Account(1_000 * SOL, bytes(data), account.owner))


def _set_tokens(net: InProcessChain, owner: str, mint: str, token_raw: int) -> None:
    key = at.token_account(Pubkey.from_string(owner), Pubkey.from_string(mint), at.TOKEN_2022_PROGRAM)
    account = net.cluster.chain.accounts.get(key)
    assert account is not None
    data = bytearray(account.data)
    struct.pack_into("<Q", data, 64, token_raw)
    net.cluster.chain.accounts.put(key, Account(account.lamports, bytes(data), account.owner))


async def test_bytes_of_an_old_blockhash_never_land_and_are_proven_absent(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=12)
    async with virtual_world(net) as world:
        trader, creator = await world.funded(), await world.funded()
        mint = await world.launched(creator)
        order = await world.buy_order(trader, mint, SOL)
        blockhash = await world.chain.latest_blockhash()
        message = world.chain.build(order, blockhash)
        raw, signature = world.chain.assemble(message, bytes(trader.sign_message(message)))
        await _finalized_past(world, blockhash.last_valid_block_height)
        await world.chain.send(raw)
        net.step(3)
        assert await world.held(trader, mint) == 0
        (absence,) = await world.chain.search_absences(signature, NEVER_SENT)
        assert absence.finalized_height > blockhash.last_valid_block_height


async def _finalized_past(world: World, height: int) -> None:
    while True:
        if await world.chain.finalized_height() > height:
            return
        await trio.sleep(1)


def test_quotes_of_the_official_sdk_are_ours() -> None:
    for vector in json.loads(VECTORS.read_text())["bonding_curve"]:
        curve = Curve(vector["vt"], vector["vq"], vector["rt"], vector["vq"], False, str(CREATOR), 1)
        assert quote_buy(curve, vector["sol"], Fees(95, 30)).token_raw == int(vector["out"][0])
        assert quote_sell(curve, vector["tok"], Fees(95, 30)).received_lamports == int(vector["out"][2])
