"""What a user wants no signal of: mints and creators by their addresses, and words in what a token calls itself. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bot.trading.launch import TokenLaunch
from bot.trading.units import AmountError

ENTRIES_MAX = 100
LETTERS_LEAST, LETTERS_MOST = 2, 30
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


def entry_of(typed: str) -> str:
    """A typed entry as it is kept: an address as it is, a word in small letters; AmountError for what is neither."""
    if _ADDRESS.fullmatch(typed):
        return typed
    word = folded(typed)
    if not LETTERS_LEAST <= len(word) <= LETTERS_MOST:
        raise AmountError(
            f"{typed[:50]!r} is no entry; it is the address of a token or of its creator, or a word of {LETTERS_LEAST} to"
            f" {LETTERS_MOST} letters"
        )
    return word


def folded(text: str) -> str:
    """A text without what looks different and is not: small letters, plain forms, nothing that shows nothing.

    Folding again changes nothing.
    """
    plain = text[:1_000]
    for _ in range(3):
        plain = unicodedata.normalize("NFKC", plain).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter)[0] in "LNPS")


def blacklisted(launch: TokenLaunch, entries: Sequence[str]) -> str | None:
    """Which entry keeps a token from its user, as a reason; None where none does."""
    if not entries:
        return None
    named = folded(launch.name), folded(launch.symbol)
    for entry in entries:
        if entry == launch.mint:
            return "you have blacklisted this token"
        if entry == launch.creator:
            return "you have blacklisted its creator"
        if _ADDRESS.fullmatch(entry) is None and any(entry in name for name in named):
            return f"you have blacklisted the word {entry}"
    return None


def check_entries(entries: Sequence[str]) -> None:
    """Raises ValueError for a blacklist that nobody can have typed: too long, twice the same, or an entry that is none."""
    if len(entries) > ENTRIES_MAX or len(set(entries)) < len(entries):
        raise ValueError(f"blacklist of {len(entries)} entries is outside of {ENTRIES_MAX} different ones")
    for entry in entries:
        try:
            kept = entry_of(entry)
        except AmountError as error:
            raise ValueError(f"blacklist {entry!r} is outside of what an entry can be: {error}") from error
        if kept != entry:
            raise ValueError(f"blacklist {entry!r} is outside of how it is kept, {kept!r}")
