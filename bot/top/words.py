"""How the dashboard writes numbers, times and other people's texts. Pure; every function gives one short line."""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, set_cell_size

TEXT_CHARACTERS_MAX = 600  # of a foreign text are looked at; no screen shows more
LAMPORTS_PER_SOL = 1_000_000_000
UNKNOWN = "not known"

_UNITS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_PLAIN = re.compile(r"[ -~]*")
# Classes of Unicode's bidirectional algorithm that make a terminal draw a row in another order than it was written.
_REORDERING = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}


def clean(text: str, *, ascii_only: bool = False) -> str:
    """A foreign text as one line that can neither steer the terminal nor disturb its neighbours.

    Token names are chosen by strangers. White space becomes single spaces; marks that stack on other letters are
    dropped; control characters, characters of no fixed meaning and all that runs from right to left become `?`, because
    a terminal that reorders them would move the numbers beside them. With `ascii_only` so does everything beyond ASCII.
    """
    text = text[:TEXT_CHARACTERS_MAX]
    if not _PLAIN.fullmatch(text):
        characters = unicodedata.normalize("NFC", text)
        text = "".join(_harmless(character, ascii_only) for character in characters)
    return " ".join(text.split())


def _harmless(character: str, ascii_only: bool) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\r\v\f":
        return " "
    if category[0] == "M":
        return ""
    if category[0] == "C" or unicodedata.bidirectional(character) in _REORDERING:
        return "?"
    return "?" if ascii_only and not character.isascii() else character


def clip(text: str, cells: int, mark: str) -> str:
    """A text in at most so many cells of the terminal; `mark` at its end says that something is missing."""
    if cell_len(text) <= cells:
        return text
    room = cells - cell_len(mark)
    return set_cell_size(text, room).rstrip() + mark if room > 0 else mark[: max(cells, 0)]


def clip_middle(text: str, cells: int, mark: str) -> str:
    """A text in at most so many cells, its middle left out: of an address both ends tell it from others."""
    if cell_len(text) <= cells:
        return text
    tail = max((cells - cell_len(mark)) // 2, 0)
    return clip(text, cells - tail, mark) + text[len(text) - tail :]


def short_mint(mint: str) -> str:
    """A mint address as people compare it: its first and last four characters."""
    return f"{mint[:4]}..{mint[-4:]}" if len(mint) > 10 else mint


def sol(lamports: int, *, signed: bool = False) -> str:
    """SOL of lamports in at most ten characters: four decimals below 10,000 SOL, fewer above.

    `signed` puts a plus before a gain, as a loss has its minus. What is rounded to zero keeps its sign. Gains and
    losses round alike, half away from zero.
    """
    size = abs(lamports)
    # Half of the last digit is enough to round up to one digit more.
    if size < 10_000 * LAMPORTS_PER_SOL - 50_000:
        digits = _decimal(size, LAMPORTS_PER_SOL, 4)
    elif size < 1_000_000 * LAMPORTS_PER_SOL - 5_000_000:
        digits = _decimal(size, LAMPORTS_PER_SOL, 2)
    else:
        digits = _scaled(size, LAMPORTS_PER_SOL)
    return _sign(lamports, signed=signed) + digits


def percent(bps: int, *, signed: bool = False) -> str:
    """Percent of basis points in at most nine characters, with one decimal below 1,000 %."""
    size = abs(bps)
    if size < 100_000:
        digits = _decimal(size, 100, 1)
    elif size < 10_000_000:
        digits = _decimal(size, 100, 0)
    else:
        digits = _scaled(size, 100)
    return f"{_sign(bps, signed=signed)}{digits} %"


def change_bps(cost_lamports: int, value_lamports: int) -> int | None:
    """What a value is above or below its cost, in basis points of the cost; None for what cost nothing."""
    if cost_lamports <= 0:
        return None
    difference = value_lamports - cost_lamports
    size = (abs(difference) * 10_000 + cost_lamports // 2) // cost_lamports
    return size if difference >= 0 else -size


def count(number: int) -> str:
    """A count in at most seven characters."""
    size = abs(number)
    return _sign(number, signed=False) + (str(size) if size < 1_000_000 else _scaled(size, 1))


def counted(number: int, thing: str) -> str:
    """A count and what is counted, such as `1 order` and `2 orders`."""
    return f"{count(number)} {thing}" if number == 1 else f"{count(number)} {thing}s"


def byte_size(size: int) -> str:
    """A size in bytes in two to four digits with its unit, 1 kB being 1,000 bytes."""
    power = 0
    while abs(size) >= 1000 ** (power + 1) and power + 1 < len(_BYTE_UNITS):
        power += 1
    one = 1000**power
    digits = _decimal(abs(size), one, 1 if power and abs(size) < 10 * one else 0)
    return f"{_sign(size, signed=False)}{digits} {_BYTE_UNITS[power]}"


def age(seconds: float) -> str:
    """A length of time in its two largest units: `14 s`, `2m 05s`, `3h 07m`, `12d 04h`. What lies ahead is `0 s`."""
    whole = int(max(seconds, 0))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if whole < 60:
        return f"{whole} s"
    if hours < 1:
        return f"{minutes}m {whole % 60:02}s"
    if days < 1:
        return f"{hours}h {minutes % 60:02}m"
    return f"{days}d {hours % 24:02}h" if days < 10_000 else f"{count(days)}d"


def brief_age(seconds: float) -> str:
    """An age of some seconds with a tenth of a second, because freshness is judged by it."""
    return f"{max(seconds, 0.0):.1f} s" if seconds < 10 else age(seconds)


def _sign(number: int, *, signed: bool) -> str:
    if number < 0:
        return "-"
    return "+" if signed and number > 0 else ""


def _decimal(size: int, one: int, decimals: int) -> str:
    """`size / one` with so many decimals, rounded half up; `size` is not negative."""
    scaled = (size * 10**decimals * 2 + one) // (one * 2)
    whole, rest = divmod(scaled, 10**decimals)
    return f"{whole}.{rest:0{decimals}}" if decimals else str(whole)


def _scaled(size: int, one: int) -> str:
    """`size / one` as a large number with a unit, such as `12.3M`; at most six characters up to the last unit."""
    power = 0
    while size * 20 >= one * 19_999 * 1000**power and power + 1 < len(_UNITS):
        power += 1
    return _decimal(size, one * 1000**power, 1) + _UNITS[power]
