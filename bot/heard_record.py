"""Who tells of things beside what is asked, as status shows it: connections of news, and services that speak of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.execution.hearsay_book import HearsayBook
from bot.ports import ChainNews

Record = dict[str, Any]


def news_record(news: ChainNews | None) -> Record:
    """None is for an endpoint without a WebSocket; without one that stands everything is asked for instead."""
    if news is None:
        return {"health": "off", "since": None, "detail": "no endpoint has a WebSocket for it"}
    told = news.health()
    heard = "nothing heard yet" if told.age_s is None else f"heard {told.age_s:.1f} s ago"
    detail = f"{told.standing} of {told.wanted} connections stand; signatures and accounts asked for: {told.subscribed}; {heard}"
    if told.lost:
        detail += f"; lost since the start: {told.lost}"
    record = {"since": None, "lost": told.lost}
    if told.standing == told.wanted:
        return {"health": "up", "detail": detail, **record}
    trouble = f": {told.trouble}" if told.trouble else ""
    return {"health": "degraded" if told.standing else "down", "detail": f"{detail}{trouble}", **record}


def hearsay_record(books: Sequence[HearsayBook[Any]]) -> Record:
    """Nobody decides by what they say, so that one of them that is away is no more than that."""
    lines = [line for book in books for line in book.lines]
    if not lines:
        return {"health": "off", "since": None, "detail": "no service beside the chain is configured"}
    away = [line for line in lines if line.trouble is not None]
    told = [
        line.teller.name
        + ("" if line.trouble is None else f", away when last asked: {_why(line.trouble, line.teller.name)}")
        for line in lines
    ]
    health = "up" if not away else "down" if len(away) == len(lines) else "degraded"
    return {"health": health, "since": None, "detail": "; ".join(told)}


def _why(trouble: str, name: str) -> str:
    return trouble.removeprefix(f"{name}: ")
