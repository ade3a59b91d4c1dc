"""Sealed keys: what opens them, and everything that must not."""

from __future__ import annotations

import base64
import traceback
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.signature import Signature

from bot.errors import KeyUnavailable
from bot.ports import SealedKey, Wallet
from bot.trading.intent import Mode
from bot.vault.envelope import open_sealed, seal
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.vault.vault_samples import closing, guard

MASTER = MasterKey("local-1", bytes(range(32)))
SEED = bytes(range(100, 132))
ADDRESS = str(Keypair.from_seed(SEED).pubkey())
USER = "user-1"
WALLET = Wallet("wallet-1", USER, ADDRESS, Mode.LIVE)
SEALED = seal(MASTER, USER, ADDRESS, SEED)
ASKED = closing(ADDRESS)
MESSAGE = ASKED.message


def test_a_sealed_key_opens_for_its_user_and_wallet() -> None:
    assert open_sealed(MASTER, USER, ADDRESS, SEALED) == SEED


def test_every_seal_is_different() -> None:
    again = seal(MASTER, USER, ADDRESS, SEED)
    assert again.wrapped_data_key != SEALED.wrapped_data_key
    assert again.ciphertext != SEALED.ciphertext


def test_neither_part_holds_the_key() -> None:
    assert SEED not in SEALED.ciphertext
    assert (len(SEALED.wrapped_data_key), len(SEALED.ciphertext)) == (12 + 32 + 16, 12 + 32 + 16)


@pytest.mark.parametrize("user", ["user-2", "", "user-1 ", "USER-1"])
def test_another_users_row_does_not_open(user: str) -> None:
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, user, ADDRESS, SEALED)


def test_swapped_rows_do_not_open() -> None:
    other_seed = bytes(range(50, 82))
    other_address = str(Keypair.from_seed(other_seed).pubkey())
    other = seal(MASTER, "user-2", other_address, other_seed)
    for user, address, sealed in ((USER, ADDRESS, other), ("user-2", other_address, SEALED)):
        with pytest.raises(KeyUnavailable):
            open_sealed(MASTER, user, address, sealed)
    mixed = SealedKey(MASTER.id, other.wrapped_data_key, SEALED.ciphertext)
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, USER, ADDRESS, mixed)


def test_parts_cannot_be_moved_between_user_and_address() -> None:
    """`ab` + `c` and `a` + `bc` are different bindings."""
    sealed = seal(MASTER, "ab", "c", SEED)
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, "a", "bc", sealed)


def test_the_layers_cannot_stand_in_for_each_other() -> None:
    swapped = SealedKey(MASTER.id, SEALED.ciphertext, SEALED.wrapped_data_key)
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, USER, ADDRESS, swapped)


@given(layer=st.sampled_from(["wrapped_data_key", "ciphertext"]), bit=st.integers(0, 60 * 8 - 1))
def test_a_flipped_bit_anywhere_is_refused(layer: str, bit: int) -> None:
    content = bytearray(getattr(SEALED, layer))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, USER, ADDRESS, replace(SEALED, **{layer: bytes(content)}))


@given(wrapped=st.binary(max_size=80), ciphertext=st.binary(max_size=80))
def test_any_row_at_all_opens_or_is_refused(wrapped: bytes, ciphertext: bytes) -> None:
    with pytest.raises(KeyUnavailable):
        open_sealed(MASTER, USER, ADDRESS, SealedKey(MASTER.id, wrapped, ciphertext))


def test_another_master_key_is_named_and_refused() -> None:
    with pytest.raises(KeyUnavailable, match="sealed under master key local-1, and prod-2 is loaded"):
        open_sealed(MasterKey("prod-2", MASTER.key), USER, ADDRESS, SEALED)
    with pytest.raises(KeyUnavailable):
        open_sealed(MasterKey(MASTER.id, bytes(32)), USER, ADDRESS, SEALED)


async def test_a_signature_is_the_wallets_and_both_libraries_agree() -> None:
    signature = await LocalVault(MASTER, guard()).sign(WALLET, SEALED, ASKED)
    assert len(signature) == 64
    assert Signature.from_bytes(signature).verify(Keypair.from_seed(SEED).pubkey(), MESSAGE)
    assert signature == Ed25519PrivateKey.from_private_bytes(SEED).sign(MESSAGE)


async def test_a_fresh_key_signs_for_its_address() -> None:
    vault = LocalVault(MASTER, guard())
    address, sealed = await vault.create_key(USER)
    again, _ = await vault.create_key(USER)
    assert address != again
    asked = closing(address)
    signature = await vault.sign(Wallet("w", USER, address, Mode.LIVE), sealed, asked)
    opened = bytes(open_sealed(MASTER, USER, address, sealed))
    assert Signature.from_bytes(signature).verify(Keypair.from_seed(opened).pubkey(), asked.message)
    assert str(Keypair.from_seed(opened).pubkey()) == address


@pytest.mark.parametrize("content", [bytes(32), SEED + b"\x00", b"short"])
async def test_a_row_that_opens_to_another_key_signs_nothing(content: bytes) -> None:
    sealed = seal(MASTER, USER, ADDRESS, content)
    with pytest.raises(KeyUnavailable):
        await LocalVault(MASTER, guard()).sign(WALLET, sealed, ASKED)


async def test_no_key_shows_in_a_repr_or_in_an_error() -> None:
    vault = LocalVault(MASTER, guard())
    shown = [repr(MASTER), str(MASTER), repr(vault)]
    tampered = replace(SEALED, ciphertext=SEALED.ciphertext[:-1] + bytes([SEALED.ciphertext[-1] ^ 1]))
    for wallet, sealed in ((WALLET, tampered), (replace(WALLET, user_id="user-2"), SEALED)):
        with pytest.raises(KeyUnavailable) as raised:
            await vault.sign(wallet, sealed, ASKED)
        assert raised.value.__suppress_context__
        shown.append("".join(traceback.format_exception(raised.value)))
    for secret in (MASTER.key, SEED):
        for form in (repr(secret), secret.hex(), base64.b64encode(secret).decode(), str(Keypair.from_seed(secret))):
            assert not any(form in text for text in shown)
