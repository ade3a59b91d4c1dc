"""The health of one service as status shows it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(slots=True)
class Health:
    """`since_ms` is when the present state began, 0 before the first answer; `detail` is safe to show."""

    name: str
    healthy: bool = False
    since_ms: int = 0
    detail: str = "not asked yet"

    def turn(self, now_ms: int, detail: str, *, healthy: bool) -> None:
        """Note what was seen; the time of the state changes only with the state."""
        if self.since_ms == 0 or self.healthy is not healthy:
            self.healthy, self.since_ms = healthy, now_ms
            if healthy:
                log.info("service_up", service=self.name, detail=detail)
            else:
                log.warning("service_down", service=self.name, detail=detail)
        self.detail = detail
