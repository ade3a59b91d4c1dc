"""The contract of commands that came out of chats, held by both stores."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import KEPT_MS, Store, TakenCommand
from tests.storage.storage_samples import NOW_MS

ADA = 2**40


def command(number: int, text: str = "/status") -> TakenCommand:
    return TakenCommand(number, ADA, text, NOW_MS)


async def test_a_command_is_fresh_once(store: Store) -> None:
    assert await store.take_commands([], NOW_MS) == set()
    assert await store.take_commands([command(2**33), command(2), command(2)], NOW_MS) == {2, 2**33}
    assert await store.take_commands([command(2, "/other"), command(3)], NOW_MS) == {3}
    assert await store.recall_commands(9) == (
        [2**33, 3, 2],
        [replace(one, tries=1) for one in (command(2), command(3), command(2**33))],
    )


async def test_what_is_done_is_known_and_not_owed(store: Store) -> None:
    await store.take_commands([command(1), command(2)], NOW_MS)
    await store.finish_commands([command(1), command(5), command(5)], NOW_MS)
    await store.finish_commands([command(1)], NOW_MS + 9)
    await store.finish_commands([], NOW_MS)
    assert await store.take_commands([command(1), command(5)], NOW_MS) == set()
    assert await store.recall_commands(1) == ([5], [replace(command(2), tries=1)])


async def test_each_recall_is_a_try_of_what_is_not_done(store: Store) -> None:
    await store.take_commands([command(1, "\0 \ud800 ✓")], NOW_MS)
    for tries in (1, 2):
        assert await store.recall_commands(0) == ([], [replace(command(1, "\ufffd \ufffd ✓"), tries=tries)])


async def test_what_was_done_long_ago_is_forgotten_and_what_was_not_is_kept(store: Store) -> None:
    await store.take_commands([command(1), command(2), command(3)], NOW_MS)
    await store.finish_commands([command(1)], NOW_MS)
    await store.finish_commands([command(2)], NOW_MS + 1)
    assert await store.take_commands([command(1), command(2), command(3)], NOW_MS + 1 + KEPT_MS) == {1}
