"""What the services where people write have in common: strangers' texts and times, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import TypeVar

import msgspec

from bot.analysis.sentiment import POSTS_MAX, TEXT_LETTERS_MAX, Post
from bot.errors import HearsayUnavailable

AUTHOR_LETTERS_MAX = 40
TIME_MAX_S = 10**11

Answer = TypeVar("Answer")


def decoded(decoder: msgspec.json.Decoder[Answer], body: bytes, name: str) -> Answer:
    """An answer in the shape that its service documents; raises HearsayUnavailable for another one."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation, ValueError) as error:
        raise HearsayUnavailable(f"{name}: its answer is not what it returns") from error


def post_of(author: str, text: str, at_ms: int | None, since_ms: int | None = None) -> Post | None:
    """A stranger's post, cut to what is read of it; None for one without an author, a text or a time that can be."""
    if not author or not text or at_ms is None or not 0 < at_ms < TIME_MAX_S * 1_000:
        return None
    return Post(author[:AUTHOR_LETTERS_MAX], text[:TEXT_LETTERS_MAX], at_ms, since_ms)


def kept(posts: list[Post | None]) -> tuple[Post, ...]:
    """Those that can be, the newest first and no more than are ever counted."""
    told = sorted((post for post in posts if post is not None), key=lambda post: -post.at_ms)
    return tuple(told[:POSTS_MAX])


def ms_of(text: str | None) -> int | None:
    """A moment that is told as RFC 3339, in ms since 1970; None for one that is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        return None
