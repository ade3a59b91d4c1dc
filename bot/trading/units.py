"""Amounts as integers: lamports, raw token units and basis points, and the text that people type and read."""

from __future__ import annotations

import re

LAMPORTS_PER_SOL = 1_000_000_000
TOKEN_DECIMALS = 6  # every launchpad token: 1 token is 10**6 raw units
BPS = 10_000
MAX_U64 = 2**64 - 1

# ASCII only: `\d` and `int` would also read the digits of other scripts, which look like nothing the user was shown.
_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?|\.([0-9]{1,18})")


class AmountError(ValueError):
    """A typed amount is not one that can be traded; the text says which and why."""


def _parse_decimal(text: str, decimals: int, unit: str) -> int:
    cleaned = text.strip()
    if cleaned.startswith("-"):
        raise AmountError(f"{text!r} is negative; give a positive amount in {unit}")
    match = _NUMBER.fullmatch(cleaned)
    if match is None:
        raise AmountError(f"{text!r} is not an amount; write it like 0.5")
    whole, with_whole, alone = match.groups()
    fraction = (with_whole or alone or "").rstrip("0")
    if len(fraction) > decimals:
        raise AmountError(f"{text!r} has more than {decimals} decimals, the most that {unit} has")
    value: int = int(whole or "0") * 10**decimals + int(fraction.ljust(decimals, "0"))
    if value == 0:
        raise AmountError(f"{text!r} is zero; give a positive amount in {unit}")
    if value > MAX_U64:
        raise AmountError(f"{text!r} {unit} is more than the chain can hold")
    return value


def span(seconds: float) -> str:
    """A length of time for people: `40 s`, `12 min`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7_200 else f"{whole // 3_600} h {whole % 3_600 // 60:02} min"


def counted(number: int, thing: str) -> str:
    """A count and what is counted, as in `1 position` and `2 positions`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def parse_sol(text: str) -> int:
    """Lamports of a typed amount of SOL; raises AmountError for anything but a positive number with at most 9 decimals."""
    return _parse_decimal(text, 9, "SOL")


def parse_tokens(text: str) -> int:
    """Raw units of a typed amount of tokens; raises AmountError like `parse_sol`."""
    return _parse_decimal(text, TOKEN_DECIMALS, "tokens")


def parse_percent(text: str) -> int:
    """Basis points of `50%`; raises AmountError unless it is above 0 % and at most 100 %, with at most 2 decimals."""
    number = text.strip().removesuffix("%")
    if number == text.strip():
        raise AmountError(f"{text!r} is not a percentage; write it like 50%")
    share_bps = _parse_decimal(number, 2, "percent")
    if share_bps > BPS:
        raise AmountError(f"{text!r} is more than 100 %")
    return share_bps


def _format(amount: int, decimals: int, shown: int) -> str:
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**decimals)
    digits = f"{rest:0{decimals}d}"[:shown].rstrip("0")
    return f"{sign}{whole:,}.{digits}" if digits else f"{sign}{whole:,}"


def format_sol(lamports: int, *, signed: bool = False) -> str:
    """SOL with up to 9 decimals, exact; `signed` puts a plus before a gain."""
    return ("+" if signed and lamports > 0 else "") + _format(lamports, 9, 9)


def format_tokens(token_raw: int) -> str:
    """Tokens with up to 6 decimals, exact."""
    return _format(token_raw, TOKEN_DECIMALS, TOKEN_DECIMALS)


def format_percent(bps: int) -> str:
    """Basis points as a percentage, exact."""
    return f"{_format(bps, 2, 2)} %"


def ceil_div(numerator: int, denominator: int) -> int:
    """Division of non-negative integers rounded up."""
    return -(-numerator // denominator)


def bps_ceil(amount: int, bps: int) -> int:
    """A fee of `bps` basis points, rounded up as the launchpad program does."""
    return ceil_div(amount * bps, BPS)


def bps_floor(amount: int, bps: int) -> int:
    """A share of `bps` basis points, rounded down."""
    return amount * bps // BPS
