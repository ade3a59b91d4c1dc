"""A child's own deadlines, which the tree's one timekeeper keeps."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, Context, SupervisorSpec, open_supervisor


async def test_a_child_is_called_back_at_the_moments_that_it_named_but_for_those_it_took_back(
    autojump_clock: MockClock,
) -> None:
    called: list[tuple[str, float]] = []
    began_s = trio.current_time()

    def note(name: str) -> None:
        called.append((name, round(trio.current_time() - began_s, 3)))

    async def child(ctx: Context) -> None:
        ctx.at(began_s + 2, lambda: note("second"))
        ctx.at(began_s + 1, lambda: note("first"))
        ctx.at(began_s + 1.5, lambda: note("never")).cancel()
        ctx.ready()
        await trio.sleep_forever()

    async with open_supervisor(SupervisorSpec("top", "one_for_one", (ChildSpec("child", child),))):
        await trio.sleep(3)
    assert called == [("first", 1.0), ("second", 2.0)]
