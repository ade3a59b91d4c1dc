"""The aggregator that finds a market for tokens which have none of their own, as status shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RouterHealth:
    """`name` is safe to print. It is as the latest question fared; while nobody asks, nothing changes."""

    name: str
    healthy: bool
    since_ms: int
    detail: str


class Router(Protocol):
    """What whoever watches it needs; orders reach it through the port `Chain`."""

    def health(self) -> RouterHealth: ...
