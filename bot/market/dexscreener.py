"""DexScreener: pairs of a token with their prices, trades and liquidity, as its public interface tells them.

Paths and members as code that uses it shows them (2026): `/token-pairs/v1/solana/{token}` tells all pairs of one token,
`/tokens/v1/solana/{up to 30}` those of several; no key, 300 requests a minute. Who is new is not listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

import msgspec

from bot.errors import HearsayUnavailable
from bot.market import figures
from bot.market.figures import ImpossibleError
from bot.market.web import Fetch, Pace
from bot.ports import Hearsay, Span

NAME = "DexScreener"
CHAIN_ID = "solana"
WRAPPED_SOL = "So11111111111111111111111111111111111111112"
AT_ONCE = 30
FRESH_MS = 30_000
LINKS_MAX, LINK_LETTERS_MAX = 3, 200
TIME_MAX_MS = 10**14


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """What is not named here is passed over."""


class Token(Wire, frozen=True):
    address: str


class Trades(Wire, frozen=True):
    buys: int
    sells: int


class TradeSpans(Wire, frozen=True):
    h1: Trades | None = None
    h24: Trades | None = None


class Spans(Wire, frozen=True):
    h1: Decimal | None = None
    h24: Decimal | None = None


class Liquidity(Wire, frozen=True):
    usd: Decimal | None = None


class Link(Wire, frozen=True):
    url: str = ""


class Info(Wire, frozen=True):
    websites: tuple[Link, ...] | None = None
    socials: tuple[Link, ...] | None = None


class Pair(Wire, frozen=True):
    """Figures of dollars; prices are texts, that in the quote token above that in dollars."""

    chain_id: str
    dex_id: str
    base_token: Token
    quote_token: Token
    price_native: Decimal | None = None
    price_usd: Decimal | None = None
    txns: TradeSpans = TradeSpans()
    volume: Spans = Spans()
    price_change: Spans | None = None
    liquidity: Liquidity | None = None
    pair_created_at: int | None = None
    info: Info | None = None


_pairs = msgspec.json.Decoder(list[Pair])


class DexScreener:
    """Implements `Teller`."""

    name = NAME
    at_once = AT_ONCE
    fresh_ms = FRESH_MS

    def __init__(self, fetch: Fetch, pace: Pace) -> None:
        self._fetch, self._pace = fetch, pace

    async def ask(self, mints: Sequence[str]) -> Mapping[str, Hearsay]:
        await self._pace.turn()
        kind = "token-pairs" if len(mints) == 1 else "tokens"
        return hearsay_of(await self._fetch.get(f"/{kind}/v1/{CHAIN_ID}/{','.join(mints)}"), mints)


def hearsay_of(body: bytes, mints: Sequence[str]) -> dict[str, Hearsay]:
    """What an answer says of each of these tokens; raises HearsayUnavailable for one that is not what it returns."""
    try:
        pairs = _pairs.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation, ValueError) as error:
        raise HearsayUnavailable(f"{NAME}: its answer is not what it returns") from error
    said = {}
    for mint in mints:
        own = [pair for pair in pairs if pair.chain_id == CHAIN_ID and pair.base_token.address == mint]
        if own:
            said[mint] = _together(own)
    return said


def _together(pairs: Sequence[Pair]) -> Hearsay:
    """The sums over all pairs of a token; price and change are those of the deepest one. Impossible pairs are left out."""
    possible = [(pair, one) for pair in pairs if (one := _of_pair(pair)) is not None]
    if not possible:
        return Hearsay(impossible=len(pairs))
    told = [one for _, one in possible]
    main = max(told, key=lambda one: (one.liquidity_usd or 0, one.day.volume_usd or 0))
    links = dict.fromkeys(link for pair, _ in possible for link in _links(pair))
    opened = [one.opened_at_ms for one in told if one.opened_at_ms is not None]
    return Hearsay(
        lamports_per_million=main.lamports_per_million,
        pico_usd=main.pico_usd,
        hour=_summed([one.hour for one in told], main.hour.change_bps),
        day=_summed([one.day for one in told], main.day.change_bps),
        liquidity_usd=figures.total([one.liquidity_usd for one in told]),
        markets=tuple(Counter(pair.dex_id for pair, _ in possible).most_common()),
        impossible=len(pairs) - len(possible),
        opened_at_ms=min(opened, default=None),
        links=tuple(links)[:LINKS_MAX],
    )


def _summed(spans: Sequence[Span], change_bps: int | None) -> Span:
    return Span(
        figures.total([one.volume_usd for one in spans]),
        figures.total([one.buys for one in spans]),
        figures.total([one.sells for one in spans]),
        change_bps,
    )


def _of_pair(pair: Pair) -> Hearsay | None:
    """One pair's figures; None where one of them cannot be."""
    try:
        changes = pair.price_change or Spans()
        liquidity = None if pair.liquidity is None else pair.liquidity.usd
        price = pair.price_native if pair.quote_token.address == WRAPPED_SOL else None
        return Hearsay(
            lamports_per_million=figures.whole(price, figures.PRICE_MAX, figures.LAMPORTS_PER_MILLION),
            pico_usd=figures.whole(pair.price_usd, figures.PRICE_MAX, figures.PICO),
            hour=_span(pair.volume.h1, pair.txns.h1, changes.h1),
            day=_span(pair.volume.h24, pair.txns.h24, changes.h24),
            liquidity_usd=figures.whole(liquidity, figures.USD_MAX),
            opened_at_ms=figures.whole(pair.pair_created_at, TIME_MAX_MS),
        )
    except ImpossibleError:
        return None


def _span(volume: Decimal | None, trades: Trades | None, change: Decimal | None) -> Span:
    return Span(
        figures.whole(volume, figures.USD_MAX),
        None if trades is None else figures.whole(trades.buys, figures.COUNT_MAX),
        None if trades is None else figures.whole(trades.sells, figures.COUNT_MAX),
        figures.change_bps(change),
    )


def _links(pair: Pair) -> list[str]:
    info = pair.info or Info()
    return [one.url for one in (*(info.websites or ()), *(info.socials or ())) if is_plain_https(one.url)]


def is_plain_https(link: str) -> bool:
    """Whether this is an https address of a host, in plain letters and without a user part."""
    if len(link) > LINK_LETTERS_MAX or not link.isascii() or not link.isprintable() or " " in link:
        return False
    try:
        parts = urlsplit(link)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
