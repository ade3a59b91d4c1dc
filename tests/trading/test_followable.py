"""What /track takes for a wallet, by the address alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chain import base58
from bot.trading.followable import why_not_followed


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("11111111111111111111111111111111", "belongs to the chain itself"),
        ("Vote111111111111111111111111111111111111111", "belongs to the chain itself"),
        ("SysvarRent111111111111111111111111111111111", "belongs to the chain itself"),
        ("ComputeBudget111111111111111111111111111111", "belongs to the chain itself"),
        ("1nc1nerator11111111111111111111111111111111", "belongs to the chain itself"),
        ("So11111111111111111111111111111111111111112", "is wrapped SOL"),
        ("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", "is the token program"),
        ("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P", "is the launchpad's program"),
        ("1" * 43, "is not an address of this chain"),
        ("1" * 31, "is not an address of this chain"),
        ("z" * 44, "is not an address of this chain"),
        ("0OIl" * 10, "is not an address of this chain"),
        ("", "is not an address of this chain"),
    ],
)
def test_what_trades_nothing_is_not_followed(address: str, told: str) -> None:
    assert why_not_followed(address).startswith(told)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: sum(key) > 0 and bytes(7) not in key))
def test_any_key_that_somebody_can_have_made_is_taken(key: bytes) -> None:
    assert why_not_followed(base58.encode(key)) == ""


@given(st.binary(max_size=40).filter(lambda key: len(key) != 32))
def test_other_lengths_are_no_addresses(key: bytes) -> None:
    assert why_not_followed(base58.encode(key)).startswith("is not an address")
