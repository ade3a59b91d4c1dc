"""The part of the state record about services: what others depend on, and who tells of things unasked or to be shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.clock import rfc3339
from bot.heard_record import hearsay_record, news_record
from bot.router_record import router_record
from bot.stream_record import sources_record
from bot.tree import TradingBot

Record = dict[str, Any]


def services(bot: TradingBot) -> Record:
    """How each service is, by name; `rpc` with its endpoints, `engine` with its regions."""
    told: Record = {
        name: {
            "health": "up" if health.healthy else "down",
            "since": rfc3339(health.since_ms) if health.since_ms else None,
            "detail": health.detail,
        }
        for name, health in bot.health.items()
    }
    told["rpc"]["endpoints"] = [
        {
            "name": endpoint.name,
            "healthy": endpoint.healthy,
            "state": endpoint.state,
            "slot": endpoint.slot,
            "lag_slots": endpoint.lag_slots,
            "roles": list(endpoint.roles),
            "credit_left": endpoint.credit_left,
            "spent": endpoint.spent,
            "asked_this_month": endpoint.asked_this_month,
            "breaker": endpoint.breaker,
            "latency_ms": endpoint.latency_ms,
            "error_bps": endpoint.error_bps,
            "methods_left_alone": list(endpoint.methods_left_alone),
            "detail": endpoint.detail,
        }
        for endpoint in bot.adapters.chain.health()
    ]
    told["stream"]["sources"] = sources_record(bot.adapters.stream)
    if not bot.health["telegram"].since_ms:
        told["telegram"] = {"health": "off", "since": None, "detail": "no token is set; see bot chat"}
    if bot.adapters.engines is None:
        told["engine"] = {"health": "off", "since": None, "detail": "no block engine is configured"}
    else:
        regions = [asdict(region) for region in bot.adapters.engines.health()]
        for region in regions:
            region["since"] = rfc3339(region.pop("since_ms"))
        told["engine"]["regions"] = regions
    told["jupiter"] = router_record(bot.adapters.router)
    told["news"] = news_record(bot.adapters.news)
    told["hearsay"] = hearsay_record(bot.market.heard_books)
    return told
