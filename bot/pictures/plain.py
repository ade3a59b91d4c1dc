"""What a picture is made of: numbers and texts that can go to another process as they are."""

from __future__ import annotations

from dataclasses import dataclass

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"  # what a PNG begins with, https://www.w3.org/TR/png/#5PNG-file-signature


@dataclass(frozen=True, slots=True)
class Dot:
    """What a token cost at a moment: `quote_lamports` for `token_raw`; milliseconds since 1970."""

    at_ms: int
    quote_lamports: int
    token_raw: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A trade of the reader's own: what the market got or gave for the tokens, fees left out, and whether it was a buy."""

    at_ms: int
    is_buy: bool
    quote_lamports: int
    token_raw: int


@dataclass(frozen=True, slots=True)
class PricePicture:
    """A token's price over time.

    `name` and `symbol` are a stranger's words, as he wrote them. `mode` is of the marks. Two dots further apart than
    `gap_ms` have a gap between them, of which nothing is known. `zone` is the reader's.
    """

    mint: str
    name: str
    symbol: str
    mode: str
    zone: str
    start_ms: int
    end_ms: int
    gap_ms: int
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of time: how it is called, its net result, and how many buys and sales it had."""

    name: str
    realized_lamports: int
    trades: int


@dataclass(frozen=True, slots=True)
class ProfitPicture:
    """Results by spans of time, oldest first; `fees_lamports` are of all of them. `period` says which spans."""

    mode: str
    period: str
    zone: str
    bars: tuple[Bar, ...]
    buys: int
    sells: int
    failed: int
    fees_lamports: int


@dataclass(frozen=True, slots=True)
class PositionPicture:
    """One closed position: what its tokens had cost in all, what selling them brought, and why it was left.

    `name` and `symbol` are a stranger's words. `sales` is how many sales closed it.
    """

    mint: str
    name: str
    symbol: str
    mode: str
    zone: str
    opened_at_ms: int
    closed_at_ms: int
    cost_lamports: int
    realized_lamports: int
    buys: int
    sales: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stick:
    """Prices of a span that begins at `at_ms`: first, highest, lowest and last, in SOL for a million tokens."""

    at_ms: int
    first: float
    highest: float
    lowest: float
    last: float


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that an opinion is made of, and how much of it there could be at most; None where it is not known."""

    name: str
    points: float | None
    most: float


@dataclass(frozen=True, slots=True)
class OpinionPicture:
    """What the bot thinks of a token, beside its price as candles of `step_ms`.

    `name` and `symbol` are a stranger's words. `verdict` is the action, empty where there is no opinion; `version` names the
    rules or the model that gave it.
    """

    mint: str
    name: str
    symbol: str
    mode: str
    zone: str
    start_ms: int
    end_ms: int
    step_ms: int
    sticks: tuple[Stick, ...]
    verdict: str
    confidence_bps: int
    version: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """One wallet: how it is called, a reader's own word or its address, its score from 0 to 100, and its rounds."""

    name: str
    points: int
    realized_lamports: int
    rounds: int
    won: int


@dataclass(frozen=True, slots=True)
class RankingPicture:
    """Wallets of others, the best first. They trade on the chain and in no mode of this bot; `mode` says so."""

    title: str
    rows: tuple[Ranked, ...]
    mode: str = "on the chain"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One who is ranked: his name, a word for how good he is, points of 100, None where there are none, and his results."""

    name: str
    badge: str
    points: int | None
    realized_lamports: int
    won: int
    lost: int


@dataclass(frozen=True, slots=True)
class BoardPicture:
    """A ranking, the best first; `period` says of what the results are."""

    title: str
    mode: str
    period: str
    rows: tuple[BoardRow, ...]


Picture = PricePicture | ProfitPicture | PositionPicture | OpinionPicture | RankingPicture | BoardPicture
