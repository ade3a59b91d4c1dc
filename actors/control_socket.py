"""Keeps the operator's socket open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from actors.runtime import Context


@dataclass(frozen=True, slots=True)
class ControlSocket:
    """`serve` listens until cancelled and calls its argument once it does."""

    serve: Callable[[Callable[[], None]], Awaitable[None]]

    async def run(self, ctx: Context) -> None:
        await self.serve(ctx.ready)
