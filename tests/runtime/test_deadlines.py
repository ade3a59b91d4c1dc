"""Deadlines of asks: one look at an inbox serves many, and each still fires at its own time and only then."""

from __future__ import annotations

import random
from functools import partial

import trio
from trio.testing import MockClock

from actors.runtime import Actor, ChildSpec, ChildStatistics, Context, Supervisor, SupervisorSpec, open_supervisor
from actors.runtime.mailbox import LATE_BY_S, MailboxStatistics


class Deaf(Actor[None, str]):
    """Answers what is called `now`, and nothing else for a long time."""

    async def handle(self, ctx: Context, state: None, message: str) -> None:
        if message != "now":
            await trio.sleep(100)
        ctx.reply(message)


def app() -> SupervisorSpec:
    return SupervisorSpec("app", "one_for_one", (ChildSpec("deaf", Deaf()),))


def mailbox_of(sup: Supervisor) -> MailboxStatistics:
    (child,) = sup.statistics().children
    assert isinstance(child, ChildStatistics)
    assert child.mailbox is not None
    return child.mailbox


async def test_asks_of_one_length_fail_one_after_the_other_each_at_its_own_time(autojump_clock: MockClock) -> None:
    async with open_supervisor(app()) as sup, trio.open_nursery() as nursery:
        began_s = trio.current_time()
        failed_at: dict[int, float] = {}

        async def ask(number: int, timeout_s: float) -> None:
            try:
                await sup.ref("deaf").ask("later", timeout_s=timeout_s)
            except trio.TooSlowError:
                failed_at[number] = trio.current_time() - began_s

        for number in range(3):
            nursery.start_soon(ask, number, 5.0)
            await trio.sleep(1)
        nursery.start_soon(ask, 3, 1.0)
    assert {number: round(at_s, 6) for number, at_s in failed_at.items()} == {0: 5.0, 1: 6.0, 2: 7.0, 3: 4.0}


async def test_a_deadline_behind_answered_and_cancelled_asks_still_fires(autojump_clock: MockClock) -> None:
    async with open_supervisor(app()) as sup:
        ref = sup.ref("deaf")
        assert await ref.ask("now", timeout_s=5) == "now"
        with trio.move_on_after(1):
            await ref.ask("later", timeout_s=5)
        began_s = trio.current_time()
        try:
            await ref.ask("later", timeout_s=5)
        except trio.TooSlowError:
            assert round(trio.current_time() - began_s, 6) == 5.0
        else:
            raise AssertionError("answered")
        assert mailbox_of(sup).pending_asks == 0


async def test_the_same_length_is_asked_for_again_after_all_of_its_deadlines_have_passed(
    autojump_clock: MockClock,
) -> None:
    async with open_supervisor(app()) as sup:
        ref = sup.ref("deaf")
        for _ in range(3):
            assert await ref.ask("now", timeout_s=2) == "now"
            await trio.sleep(10)


async def test_age_of_a_message_counts_from_its_own_turn_and_not_from_its_actors_first(
    autojump_clock: MockClock,
) -> None:
    async with open_supervisor(app()) as sup:
        ref = sup.ref("deaf")
        for word in ("now", "later", "now", "later"):
            ref.tell(word)
        await trio.sleep(150)
        age_s = mailbox_of(sup).message_age_s
        assert age_s is not None
        assert round(age_s, 6) == 50.0


async def test_asks_of_all_lengths_fail_each_at_its_own_time_in_whatever_order_they_came(
    autojump_clock: MockClock,
) -> None:
    chance = random.Random(1)
    late_s: list[float] = []
    async with open_supervisor(app()) as sup, trio.open_nursery() as nursery:

        async def ask(begins_s: float, timeout_s: float, *, control: bool) -> None:
            await trio.sleep(begins_s)
            due_s = trio.current_time() + timeout_s
            try:
                await sup.ref("deaf").ask("later", timeout_s=timeout_s, control=control)
            except trio.TooSlowError:
                late_s.append(trio.current_time() - due_s)

        for _ in range(200):
            timeout_s = chance.choice((1, 5, chance.uniform(0.1, 20)))
            nursery.start_soon(partial(ask, chance.uniform(0, 10), timeout_s, control=chance.random() < 0.1))
    assert len(late_s) == 200
    assert min(late_s) >= -1e-6
    assert max(late_s) <= 200 * LATE_BY_S
