"""The part of the state record about followed wallets: their scanners, who tells of them, and what is copied of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.execution.copy_news import CopyLook
from bot.ports import Overview
from bot.tree import TradingBot

Record = dict[str, Any]


def followed_record(bot: TradingBot, overview: Overview | None, live: int, now_ms: int) -> Record:
    """Scanners of followed wallets, of which `live` run; one that waits for chain or database says why."""
    scanners = list(bot.hunt.followed.scanners.values())
    looks = [scanner.look for scanner in scanners]
    polled = [scanner.look for scanner in scanners if not scanner.is_told]
    seen = [now_ms - look.checked_at_ms for look in polled if look.checked_at_ms]
    troubles = [look.trouble for look in looks if look.trouble]
    return {
        "expected": None if overview is None else overview.followed,
        "live": live,
        "oldest_look_s": round(max(seen) / 1000, 1) if seen else None,
        "told": len(scanners) - len(polled),
        "stream": _wallet_stream(bot),
        "every_s": round(bot.hunt.schedule.longest_interval_s()) if polled else None,
        "waiting": len(troubles),
        "trouble": troubles[0] if troubles else None,
    }


def _wallet_stream(bot: TradingBot) -> Record | None:
    """The source that tells what followed wallets do; None where none is configured."""
    news = bot.adapters.wallet_news
    if news is None:
        return None
    health = news.health()
    age_s = None if health.age_s is None else round(health.age_s, 1)
    return {**asdict(health), "age_s": age_s}


def copying_record(look: CopyLook) -> Record:
    """What was copied since the start, and how long it took, in milliseconds."""
    latencies = look.latencies()
    return {
        "decided": look.decided,
        "ordered": look.ordered,
        "owed": look.owed,
        "ignored": dict(look.ignored),
        "refused": dict(look.refused),
        "p50_ms": None if latencies is None else latencies[0],
        "p99_ms": None if latencies is None else latencies[1],
        "trouble": look.trouble or None,
    }
