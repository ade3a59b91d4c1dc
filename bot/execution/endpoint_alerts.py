"""What an operator must hear of RPC endpoints: one that is not believed, not let in, or whose budget is used."""

from __future__ import annotations

from bot.execution.alerts import Alert, Turn
from bot.trading.runbooks import ENDPOINTS
from bot.trading.units import counted


def endpoint_untrusted(name: str, what: str, left: int) -> Alert:
    """An RPC endpoint serves another chain or said what others prove wrong; `left` is how many others can be asked."""
    text = f"The RPC endpoint {name} is not believed: {what}. {counted(left, 'other endpoint')} can be asked."
    return Alert(f"endpoint {name}", text, ENDPOINTS, Turn.BEGINS, urgent=left == 0)


def endpoint_trusted(name: str) -> Alert:
    """An endpoint that was not believed has told nothing wrong for a while, or serves our chain again."""
    return Alert(f"endpoint {name}", f"The RPC endpoint {name} is believed again.", ENDPOINTS, Turn.ENDS)


def endpoint_unauthorized(name: str, what: str, left: int) -> Alert:
    """An RPC endpoint does not take its key; `left` is how many others can be asked."""
    text = (
        f"The RPC endpoint {name} does not take its key: {what}. {counted(left, 'other endpoint')} can be asked. Put the"
        " right key into its key_file, which is read again by itself, or into the settings."
    )
    return Alert(f"key {name}", text, ENDPOINTS, Turn.BEGINS, urgent=left == 0)


def endpoint_authorized(name: str) -> Alert:
    """An endpoint takes its key again."""
    return Alert(f"key {name}", f"The RPC endpoint {name} takes its key again.", ENDPOINTS, Turn.ENDS)


def key_file_unread(setting: str, what: str) -> Alert:
    """A file with a key cannot be read, or holds none that can be used; what was read before is used."""
    text = f"A provider's key cannot be taken from its file: {what}. It is read again every second."
    return Alert(f"file {setting}", text, ENDPOINTS, Turn.BEGINS)


def key_file_read(setting: str) -> Alert:
    """The file holds a key again."""
    return Alert(f"file {setting}", f"The file of {setting} holds a key again.", ENDPOINTS, Turn.ENDS)


def endpoint_spent(name: str, what: str, left: int) -> Alert:
    """An RPC endpoint may be asked by exits alone for the rest of the month; `left` is how many others anybody may ask."""
    text = (
        f"The RPC endpoint {name}: {what}. {counted(left, 'other endpoint')} can be asked for entries, books and what is"
        " shown; raise its requests_per_month when its provider's plan allows it, and start the bot again."
    )
    return Alert(f"budget {name}", text, ENDPOINTS, Turn.BEGINS)


def endpoint_unspent(name: str) -> Alert:
    """A new month has begun."""
    return Alert(f"budget {name}", f"The RPC endpoint {name} may be asked by everybody again.", ENDPOINTS, Turn.ENDS)
