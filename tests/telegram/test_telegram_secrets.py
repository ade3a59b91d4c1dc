"""What looks like a private key is recognised in every form that people paste, and what they mean to send is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from bot.commands import COMMANDS, CONSENT_TEXT
from bot.telegram.gateway_secrets import looks_like_private_key

WORDS = [
    *("abandon", "ability", "able", "about", "above", "absent"),
    *("absorb", "abstract", "absurd", "abuse", "access", "accident"),
]
MINT = "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump"

seeds = st.binary(min_size=32, max_size=32)
surroundings = st.sampled_from(["{}", "my key: {}", "/import {}", "/sell {} all", "«{}»", "\n{}\n", "see {}, please"])


@given(seeds, surroundings)
def test_a_keypair_in_base58(seed: bytes, around: str) -> None:
    assert looks_like_private_key(around.format(Keypair.from_seed(seed)))


@given(seeds, surroundings, st.sampled_from([", ", ",", " ", "\n", " ,\n  "]), st.booleans())
def test_a_keypair_as_bytes(seed: bytes, around: str, separator: str, brackets: bool) -> None:
    listed = separator.join(str(byte) for byte in bytes(Keypair.from_seed(seed)))
    assert looks_like_private_key(around.format(f"[{listed}]" if brackets else listed))


@given(seeds, surroundings, st.sampled_from(["", "0x", "0X"]), st.booleans())
def test_a_key_in_hexadecimal(seed: bytes, around: str, prefix: str, whole: bool) -> None:
    digits = (bytes(Keypair.from_seed(seed)) if whole else seed).hex()
    assert looks_like_private_key(around.format(prefix + digits))
    assert looks_like_private_key(around.format(prefix + digits.upper()))


def test_the_file_of_the_command_line() -> None:
    assert looks_like_private_key(json.dumps(list(range(64)), indent=2))


@pytest.mark.parametrize("count", [12, 24])
@pytest.mark.parametrize(
    "form",
    [
        " ".join,
        "\n".join,
        ", ".join,
        lambda words: " ".join(words).upper(),
        lambda words: "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1)),
        lambda words: "/import " + " ".join(words),
        lambda words: "/import\n" + " ".join(words),
        lambda words: "/start agree " + " ".join(words),
        lambda words: "/track " + MINT + " " + " ".join(words),
        lambda words: "my seed phrase: " + " ".join(words),
    ],
)
def test_a_recovery_phrase(count, form) -> None:
    assert looks_like_private_key(form((WORDS * 2)[:count]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        MINT,
        f"/buy {MINT} 0.5",
        f"/sell {MINT} 50%",
        " ".join(str(number) for number in range(63)),
        ", ".join(["256"] * 64),
        " ".join(WORDS[:11]),
        " ".join([*WORDS[:11], "extraordinarily"]),
        "please tell me what a bonding curve is and why it has a price at all",
        CONSENT_TEXT,
        *[f"{command.usage} - {command.help}" for command in COMMANDS],
    ],
)
def test_what_people_mean_to_send(text: str) -> None:
    assert not looks_like_private_key(text)


@given(st.text(max_size=4096))
def test_no_text_is_too_strange(text: str) -> None:
    looks_like_private_key(text)


@pytest.mark.parametrize("filler", ["1 " * 2048, "1" + " " * 4095, "1,   " * 800 + "x", "z" * 4096, "word " * 819])
def test_no_text_takes_long(filler: str) -> None:
    """Each of these would keep a careless pattern busy for ever."""
    assert looks_like_private_key(filler) in {True, False}
