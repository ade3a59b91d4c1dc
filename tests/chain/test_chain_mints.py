"""Mints as the real token programs write them, and any bytes at all: facts or a DecodeError, never a power overlooked."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from trio.testing import MockClock

from bot.chain.mints import LENGTHS, TOKEN_METADATA, decode_metadata, decode_mint
from bot.clock import virtual_clock
from bot.errors import DecodeError
from bot.localnet.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from bot.localnet.inprocess import InProcessChain
from bot.trading.metadata import TokenMetadata
from bot.trading.token_check import MintFacts, cautions, hazards
from tests.chain.chain_doubles import FaultyDoor, InProcessTransport
from tests.chain.chain_scenario import EPOCH_MS, pump_chain
from tests.localnet.localnet_scenario import send, signed, status, wallet
from tests.whole.crowd import Crowd

SOMEBODY = Keypair.from_seed(bytes([7] * 32)).pubkey()
NOBODY = bytes(32)
KEY = bytes(SOMEBODY)
EMPTY_MINT = bytes(4 + 32 + 8) + b"\x06\x01" + bytes(4 + 32)

# What the program is told to put on a mint (its instruction's bytes), the bytes that takes, and what it means.
POWERS: dict[str, tuple[bytes, int, MintFacts]] = {
    "nothing": (b"", 0, MintFacts()),
    "tax": (
        b"\x1a\x00" + b"\x00\x00" + struct.pack("<HQ", 500, 10**15),
        108,
        MintFacts(transfer_fee_bps=500),
    ),
    "tax to come": (
        b"\x1a\x00" + b"\x01" + KEY + b"\x00" + struct.pack("<HQ", 0, 0),
        108,
        MintFacts(can_set_transfer_fee=True),
    ),
    "delegate": (b"\x23" + KEY, 32, MintFacts(has_permanent_delegate=True)),
    "hook": (b"\x24\x00" + NOBODY + KEY, 64, MintFacts(has_transfer_hook=True)),
    "hook to come": (b"\x24\x00" + KEY + NOBODY, 64, MintFacts(has_transfer_hook=True)),
    "born frozen": (b"\x1c\x00\x02", 1, MintFacts(frozen_at_birth=True, can_freeze=True)),
    "not for sale": (b"\x20", 0, MintFacts(cannot_be_transferred=True)),
    "pausable": (b"\x2c\x00" + KEY, 33, MintFacts(can_be_paused=True)),
    "closable": (b"\x19\x01" + KEY, 32, MintFacts(can_close_mint=True)),
    "interest": (b"\x21\x00" + KEY + b"\x05\x00", 52, MintFacts(bears_interest=True)),
    "scaled": (b"\x2b\x00" + KEY + struct.pack("<d", 2.0), 56, MintFacts(is_scaled=True)),
    "confidential": (b"\x1b\x00" + KEY + b"\x01" + NOBODY, 65, MintFacts(hides_transfers=True)),
    "group": (b"\x28\x00" + KEY + KEY, 64, MintFacts()),
}
# What refuses nothing; the card of a buy warns of the first three.
TAKEN = {"nothing", "interest", "scaled", "confidential", "group"}


def make_mint(
    chain: InProcessChain, extension: bytes, length: int, *, program: Pubkey, can_freeze: bool, can_mint: bool
) -> str:
    """A mint that the token program itself initialised; its address."""
    payer, mint = wallet(chain), Keypair()
    extended = bool(extension)
    space = 82 if not extended else 166 + 4 + length
    writable = [AccountMeta(mint.pubkey(), is_signer=False, is_writable=True)]
    params = CreateAccountParams(
        from_pubkey=payer.pubkey(), to_pubkey=mint.pubkey(), lamports=10_000_000, space=space, owner=program
    )
    authority = payer.pubkey()
    freeze = b"\x01" + KEY if can_freeze else b"\x00"
    instructions = [create_account(params)]
    if extended:
        instructions.append(Instruction(program, extension, writable))
    instructions.append(Instruction(program, b"\x14\x06" + bytes(authority) + freeze, writable))
    if not can_mint:
        give_up = [*writable, AccountMeta(authority, is_signer=True, is_writable=False)]
        instructions.append(Instruction(program, b"\x06\x00\x00", give_up))
    signature = send(chain, signed(chain, instructions, payer, mint))
    chain.step(40)
    found = status(chain, signature)
    assert found is not None
    assert found["err"] is None, found
    return str(mint.pubkey())


@pytest.mark.parametrize("power", POWERS)
async def test_what_the_token_program_puts_on_a_mint_is_read(autojump_clock: MockClock, power: str) -> None:
    extension, length, wanted = POWERS[power]
    chain = InProcessChain(seed=1)
    mint = make_mint(chain, extension, length, program=TOKEN_2022_PROGRAM, can_freeze=wanted.can_freeze, can_mint=False)
    facts = await reader(chain).mint_facts(mint)
    assert facts == wanted
    assert bool(hazards(facts)) == (power not in TAKEN)
    assert bool(cautions(facts)) == (power in TAKEN - {"nothing", "group"})


@pytest.mark.parametrize("can_freeze", [True, False])
@pytest.mark.parametrize("can_mint", [True, False])
async def test_authorities_of_the_older_program(autojump_clock: MockClock, can_freeze: bool, can_mint: bool) -> None:
    chain = InProcessChain(seed=1)
    mint = make_mint(chain, b"", 0, program=TOKEN_PROGRAM, can_freeze=can_freeze, can_mint=can_mint)
    assert await reader(chain).mint_facts(mint) == MintFacts(can_freeze=can_freeze, can_mint=can_mint)


def reader(chain: InProcessChain, door: InProcessTransport | None = None):
    return pump_chain([door or InProcessTransport(chain)], virtual_clock(lambda: 0.0, epoch_ms=EPOCH_MS, seed=1))


async def test_a_launchpad_token_is_safe_and_read_once(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    mint = Crowd(chain).launch()
    chain.step(40)
    door = FaultyDoor(chain, "one")
    pump = reader(chain, door)
    assert [hazards(await pump.mint_facts(mint)) for _ in range(5)] == [()] * 5
    await pump.venue(mint)
    assert len(door.asked) == 2


async def test_a_token_that_was_quoted_first_is_not_read_again(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    mint = Crowd(chain).launch()
    chain.step(40)
    door = FaultyDoor(chain, "one")
    pump = reader(chain, door)
    await pump.venue(mint)
    await pump.mint_facts(mint)
    assert len(door.asked) == 1


async def test_no_mint_is_no_safe_mint(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    somebody = wallet(chain)
    with pytest.raises(LookupError):
        await reader(chain).mint_facts(str(Keypair().pubkey()))
    with pytest.raises(DecodeError, match="no token program"):
        await reader(chain).mint_facts(str(somebody.pubkey()))


@given(st.integers(27, 65_535), st.binary(max_size=80))
def test_an_extension_that_nobody_knows_is_its_number_and_refuses(kind: int, value: bytes) -> None:
    mint = EMPTY_MINT + bytes(165 - 82) + b"\x01" + struct.pack("<HH", kind, len(value)) + value
    assert decode_mint(mint).unknown_extensions == (kind,)
    assert str(kind) in hazards(decode_mint(mint))[0]


@given(st.binary(max_size=400))
def test_any_bytes_are_facts_or_an_error(data: bytes) -> None:
    try:
        decode_mint(data)
    except DecodeError:
        return


extensions = st.lists(
    st.sampled_from(sorted(LENGTHS)).flatmap(
        lambda kind: st.binary(min_size=LENGTHS[kind], max_size=LENGTHS[kind]).map(lambda value: (kind, value))
    ),
    unique_by=lambda pair: pair[0],
    max_size=4,
)


@given(extensions, st.data())
def test_an_extension_that_is_cut_in_its_middle_is_refused(
    given_extensions: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    whole = EMPTY_MINT + bytes(165 - 82) + b"\x01"
    ends = {len(whole)}
    for kind, value in given_extensions:
        whole += struct.pack("<HH", kind, len(value)) + value
        ends.add(len(whole))
    complete = decode_mint(whole)
    at = data.draw(st.integers(166, len(whole)))
    try:
        cut = decode_mint(whole[:at])
    except DecodeError:
        return
    # One trailing byte is no extension; apart from it only what ends between two extensions can be read.
    assert at in ends or at - 1 in ends
    assert set(hazards(cut)) <= set(hazards(complete))


def named_mint(name: str, symbol: str, uri: str) -> bytes:
    """A mint whose metadata extension holds these texts."""
    texts = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in (name, symbol, uri))
    value = KEY + KEY + texts + bytes(4)
    return EMPTY_MINT + bytes(165 - 82) + b"\x01" + struct.pack("<HH", TOKEN_METADATA, len(value)) + value


async def test_what_the_launchpad_wrote_on_a_mint_is_read_from_it(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    mint = Crowd(chain).launch(name="Caf\u00e9", uri="ipfs://x")
    chain.step(3)
    assert await reader(chain).metadata(mint) == TokenMetadata("Caf\u00e9", "T1", "ipfs://x")
    with pytest.raises(LookupError):
        await reader(chain).metadata(str(Keypair().pubkey()))


@given(st.text(max_size=20), st.text(max_size=9), st.text(max_size=50), st.data())
def test_metadata_is_read_whole_or_refused(name: str, symbol: str, uri: str, data: st.DataObject) -> None:
    whole = named_mint(name, symbol, uri)
    assert decode_metadata(whole) == TokenMetadata(name, symbol, uri)
    assert decode_metadata(EMPTY_MINT) is None
    at = data.draw(st.integers(170, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode_metadata(whole[:at])


@given(st.binary(max_size=300))
def test_any_metadata_is_text_or_an_error(value: bytes) -> None:
    mint = EMPTY_MINT + bytes(165 - 82) + b"\x01" + struct.pack("<HH", TOKEN_METADATA, len(value)) + value
    try:
        decode_metadata(mint)
    except DecodeError:
        return
