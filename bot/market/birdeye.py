"""Birdeye: a token's overview, and what it says of its mint, as its documentation shows them (2026).

Each answer is an envelope of `success` and `data`; the key goes as the header `X-API-KEY`. One token a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from bot.errors import HearsayUnavailable
from bot.market import figures
from bot.market.figures import ImpossibleError
from bot.market.web import Fetch, Pace
from bot.ports import Hearsay, MintWord, Span

NAME = "Birdeye"
OVERVIEW_FRESH_MS = 60_000
SECURITY_FRESH_MS = 600_000

Data = TypeVar("Data")


class Overview(msgspec.Struct, frozen=True):
    """Figures of dollars; changes in percent. What is not named here is passed over."""

    price: Decimal | None = None
    liquidity: Decimal | None = None
    holder: int | None = None
    v1h_usd: Decimal | None = msgspec.field(name="v1hUSD", default=None)
    v24h_usd: Decimal | None = msgspec.field(name="v24hUSD", default=None)
    buy1h: int | None = None
    sell1h: int | None = None
    buy24h: int | None = None
    sell24h: int | None = None
    change_1h: Decimal | None = msgspec.field(name="priceChange1hPercent", default=None)
    change_24h: Decimal | None = msgspec.field(name="priceChange24hPercent", default=None)


class Security(msgspec.Struct, frozen=True, rename="camel"):
    """Authorities are addresses, null where nobody has them; `top10_holder_percent` is a share of one."""

    owner_address: str | None = None
    freeze_authority: str | None = None
    freezeable: bool | None = None
    transfer_fee_enable: bool | None = None
    mutable_metadata: bool | None = None
    top10_holder_percent: Decimal | None = msgspec.field(name="top10HolderPercent", default=None)


class OverviewAnswer(msgspec.Struct, frozen=True):
    success: bool
    data: Overview | None = None


class SecurityAnswer(msgspec.Struct, frozen=True):
    success: bool
    data: Security | None = None


_overview = msgspec.json.Decoder(OverviewAnswer)
_security = msgspec.json.Decoder(SecurityAnswer)


@dataclass(frozen=True, slots=True)
class Birdeye:
    """Implements `Teller`: one of its questions, of one token at a time. `pace` is shared by all that one key asks."""

    fetch: Fetch
    pace: Pace
    name: str
    path: str
    fresh_ms: int
    read: Callable[[bytes], Hearsay | None]
    at_once: int = 1

    async def ask(self, mints: Sequence[str]) -> Mapping[str, Hearsay]:
        [mint] = mints
        await self.pace.turn()
        said = self.read(await self.fetch.get(f"{self.path}?{urlencode({'address': mint})}"))
        return {} if said is None else {mint: said}


def birdeye_overview(fetch: Fetch, pace: Pace) -> Birdeye:
    """Prices, trades and holders."""
    return Birdeye(fetch, pace, NAME, "/defi/token_overview", OVERVIEW_FRESH_MS, overview_of)


def birdeye_security(fetch: Fetch, pace: Pace) -> Birdeye:
    """What can be done to the mint and its holders."""
    return Birdeye(fetch, pace, f"{NAME} on its mint", "/defi/token_security", SECURITY_FRESH_MS, security_of)


def overview_of(body: bytes) -> Hearsay | None:
    """What an answer says of its token, None where it does not know it; raises HearsayUnavailable for nonsense."""
    answer = _decoded(_overview, body)
    if not answer.success:
        raise HearsayUnavailable(f"{NAME}: it says that it failed")
    data = answer.data
    if data is None:
        return None
    try:
        return Hearsay(
            pico_usd=figures.whole(data.price, figures.PRICE_MAX, figures.PICO),
            hour=_span(data.v1h_usd, data.buy1h, data.sell1h, data.change_1h),
            day=_span(data.v24h_usd, data.buy24h, data.sell24h, data.change_24h),
            liquidity_usd=figures.whole(data.liquidity, figures.USD_MAX),
            holders=figures.whole(data.holder, figures.COUNT_MAX),
        )
    except ImpossibleError as error:
        raise HearsayUnavailable(f"{NAME}: {error}") from None


def security_of(body: bytes) -> Hearsay | None:
    """The same of an answer about security."""
    answer = _decoded(_security, body)
    if not answer.success:
        raise HearsayUnavailable(f"{NAME}: it says that it failed")
    data = answer.data
    if data is None:
        return None
    try:
        top_bps = figures.share_bps(data.top10_holder_percent)
    except ImpossibleError as error:
        raise HearsayUnavailable(f"{NAME}: {error}") from None
    return Hearsay(
        mint=MintWord(
            can_rename=data.mutable_metadata,
            can_mint=data.owner_address is not None,
            can_freeze=data.freeze_authority is not None or bool(data.freezeable),
            takes_fee=bool(data.transfer_fee_enable),
            top_bps=top_bps,
        )
    )


def _decoded(decoder: msgspec.json.Decoder[Data], body: bytes) -> Data:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation, ValueError) as error:
        raise HearsayUnavailable(f"{NAME}: its answer is not what it returns") from error


def _span(volume: Decimal | None, buys: int | None, sells: int | None, change: Decimal | None) -> Span:
    return Span(
        figures.whole(volume, figures.USD_MAX),
        figures.whole(buys, figures.COUNT_MAX),
        figures.whole(sells, figures.COUNT_MAX),
        figures.change_bps(change),
    )
