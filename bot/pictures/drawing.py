"""From a picture to its drawing, and how a picture crosses to the process that makes a PNG of it."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.pictures.board import board_svg
from bot.pictures.opinion import opinion_svg
from bot.pictures.plain import (
    BoardPicture,
    OpinionPicture,
    Picture,
    PositionPicture,
    PricePicture,
    ProfitPicture,
    RankingPicture,
)
from bot.pictures.position import position_svg
from bot.pictures.price import price_svg
from bot.pictures.profit import profit_svg
from bot.pictures.ranking import ranking_svg

KINDS: dict[str, type[Picture]] = {
    "price": PricePicture,
    "profit": ProfitPicture,
    "position": PositionPicture,
    "opinion": OpinionPicture,
    "ranking": RankingPicture,
    "board": BoardPicture,
}
NAMES = {kind: name for name, kind in KINDS.items()}

# A frame is its length in four bytes, the most significant first, and then so many bytes. A request is one; an answer is
# a byte, DRAWN or REFUSED, and one: a PNG, or why there is none.
LENGTH_BYTES = 4
REQUEST_MAX = 8_000_000
ANSWER_MAX = 4_000_000
DRAWN, REFUSED = b"\x01", b"\x00"


def svg_of(picture: Picture) -> str:
    """The drawing of any picture."""
    match picture:
        case PricePicture():
            return price_svg(picture)
        case ProfitPicture():
            return profit_svg(picture)
        case PositionPicture():
            return position_svg(picture)
        case BoardPicture():
            return board_svg(picture)
        case OpinionPicture():
            return opinion_svg(picture)
        case RankingPicture():
            return ranking_svg(picture)


def packed(picture: Picture) -> bytes:
    """A picture as bytes."""
    return msgspec.json.encode({"kind": NAMES[type(picture)], "picture": picture})


def unpacked(content: bytes) -> Picture:
    """The picture in such bytes; raises ValueError for any others."""
    try:
        told: dict[str, Any] = msgspec.json.decode(content)
        return msgspec.convert(told["picture"], KINDS[told["kind"]])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ValueError(f"no picture: {error}") from error
