"""Names under which users show their results to others, and what the rest of a profile may be. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from bot.trading.units import AmountError

SHARE_MAX_BPS = 3_000
HANDLES_MAX = 3  # that one user has ever had; nobody else gets any of them
WHY_MAX = 200
_HANDLE = re.compile(r"[a-z][a-z0-9_]{2,19}")
_RESERVED = frozenset(
    {"admin", "administrator", "moderator", "operator", "support", "official", "system", "staff", "team", "bot"}
    | {"trading_bot", "helpdesk", "on", "off", "share", "live", "paper", "dry_run", "closed", "none", "all"}
)
# Letters that a reader takes for one another.
_ALIKE = (("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("rn", "m"), ("vv", "w"), ("_", ""))


@dataclass(frozen=True, slots=True)
class Trader:
    """A user who shows his results under a public `handle`.

    `share_bps` is his part of what his followers gain, kept as figures alone. `delisted_why` is empty for one who is listed.
    """

    user_id: str
    handle: str
    opened_at_ms: int
    share_bps: int = 0
    delisted_why: str = ""

    @property
    def is_listed(self) -> bool:
        return not self.delisted_why


def handle_of(typed: str) -> str:
    """The handle that somebody typed, in small letters; raises AmountError for what cannot be one."""
    handle = typed.removeprefix("@").lower()
    if not _HANDLE.fullmatch(handle):
        raise AmountError("a public handle has 3 to 20 letters a-z, digits or underscores, and begins with a letter")
    if handle in _RESERVED or likeness(handle) in {likeness(one) for one in _RESERVED}:
        raise AmountError(f"{handle} could be taken for somebody who runs this bot; choose another handle")
    return handle


def may_be_handle(typed: str) -> bool:
    """Whether somebody can have meant a public handle by this; no address of the chain is as short."""
    return _HANDLE.fullmatch(typed.removeprefix("@").lower()) is not None


def likeness(handle: str) -> str:
    """What two handles share that look alike: nobody takes a handle that a reader takes for somebody else's."""
    for letters, alike in _ALIKE:
        handle = handle.replace(letters, alike)
    return handle


def mark_of(telegram_id: int) -> str:
    """What is kept of a person whom an admin has delisted and who has left: enough to know him again by his Telegram id."""
    return hashlib.sha256(f"telegram:{telegram_id}".encode()).hexdigest()


def unnamed(alike: str) -> str:
    """What is kept of the likeness of a handle whose user has left the bot: enough to refuse it, and no name."""
    return f"left:{hashlib.sha256(alike.encode()).hexdigest()}"
