"""The aggregator as status shows it."""

from __future__ import annotations

from typing import Any

from bot.clock import rfc3339
from bot.ports import Router


def router_record(router: Router | None) -> dict[str, Any]:
    """None is for no aggregator; it has no health before anybody asked it anything."""
    if router is None:
        return {"health": "off", "since": None, "detail": "no aggregator is configured"}
    health = router.health()
    said = health.detail.removeprefix(f"{health.name}: ")
    state = "up" if health.healthy else "down"
    return {"health": state, "since": rfc3339(health.since_ms), "detail": f"{health.name}: {said}"}
