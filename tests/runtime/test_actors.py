"""Actors: one message at a time, state that a failing handler does not change, and asks that never hang."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import trio

from actors.runtime import (
    Actor,
    ActorDead,
    ActorFailed,
    Backoff,
    ChildSpec,
    Mailbox,
    NotFound,
    Shutdown,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.testing import Add, Busy, Cast, Fail, GetSum, KeepingSummer, Oops, Probe, Summer


async def settle():
    await trio.testing.wait_all_tasks_blocked()


def top(actor, *, intensity=10, **keywords):
    return SupervisorSpec("top", "one_for_one", (ChildSpec("a", actor, **keywords),), intensity=intensity)


async def test_tell_and_ask(autojump_clock):
    async with open_supervisor(top(Summer())) as sup:
        ref = sup.ref("a")
        ref.tell(Add(1))
        ref.tell(Add(2))
        assert await ref.ask(GetSum(), timeout_s=1) == 3
        assert repr(ref) == "<Ref top/a alive>"


async def test_a_class_of_actors_is_made_anew_for_each_incarnation(autojump_clock):
    made = []

    class Fresh(Summer):
        def __init__(self):
            super().__init__()
            made.append(self)

    async with open_supervisor(top(Fresh), report=lambda _: None) as sup:
        sup.ref("a").tell(Fail())
        await settle()
        assert len(made) == 2


async def test_the_change_of_a_handler_that_raised_is_not_kept_and_only_its_message_is_lost(autojump_clock):
    async with open_supervisor(top(Summer(first=100)), report=lambda _: None) as sup:
        ref = sup.ref("a")
        for message in (Add(1), Fail(), Add(5), Add(6)):
            ref.tell(message)
        assert await ref.ask(GetSum(), timeout_s=1) == 111
        (letter,) = sup.dead_letters()
        assert (letter.child, letter.message, letter.reason, letter.attempts) == ("a", Fail(), "handler_failed", 1)
        assert "Oops: a" in letter.stack


async def test_keep_state_begins_a_restart_with_the_last_state_and_cold_after_three_failures_in_a_row(autojump_clock):
    probe = Probe()
    async with open_supervisor(top(KeepingSummer(probe)), report=lambda _: None) as sup:
        ref = sup.ref("a")
        ref.tell(Add(7))
        for expected in (7, 7):
            ref.tell(Fail())
            ref.tell(Fail())
            assert await ref.ask(GetSum(), timeout_s=1) == expected
        for _ in range(3):
            ref.tell(Fail())
        assert await ref.ask(GetSum(), timeout_s=1) == 0
        assert probe.said("init") == ["a", "a"]


async def test_an_ask_fails_at_once_when_the_actor_fails_while_it_serves_it(autojump_clock):
    async with open_supervisor(top(Summer(), backoff=Backoff(30, 30)), report=lambda _: None) as sup:
        with pytest.raises(ActorFailed, match="Oops: a"):
            await sup.ref("a").ask(Fail(), timeout_s=60)
        assert trio.current_time() == 0


async def test_messages_sent_during_a_backoff_are_kept(autojump_clock):
    async with open_supervisor(top(Summer(), backoff=Backoff(30, 30)), report=lambda _: None) as sup:
        ref = sup.ref("a")
        ref.tell(Fail())
        await settle()
        ref.tell(Add(4))
        assert ref.alive
        assert await ref.ask(GetSum(), timeout_s=60) == 4
        assert trio.current_time() == 30


async def test_an_ask_that_takes_too_long_says_so_and_leaves_nothing_pending(autojump_clock):
    async with open_supervisor(top(Summer())) as sup:
        ref = sup.ref("a")
        ref.tell(Busy(10))
        with pytest.raises(trio.TooSlowError):
            await ref.ask(GetSum(), timeout_s=2)
        assert trio.current_time() == 2
        assert sup.statistics().children[0].mailbox.pending_asks == 0
        with trio.move_on_after(1):
            await ref.ask(GetSum(), timeout_s=60)
        assert sup.statistics().children[0].mailbox.pending_asks == 0
        await trio.sleep(20)
        assert await ref.ask(GetSum(), timeout_s=2) == 0


async def test_a_handler_that_does_not_reply_fails_the_ask(autojump_clock):
    async with open_supervisor(top(Summer())) as sup:
        with pytest.raises(ActorFailed, match="did not reply"):
            await sup.ref("a").ask(Add(1), timeout_s=60)
        assert trio.current_time() == 0


async def test_stopping_an_actor_fails_the_asks_in_progress_and_in_the_queue(autojump_clock):
    failures = []

    async def ask(ref, message):
        try:
            await ref.ask(message, timeout_s=60)
        except ActorDead as error:
            failures.append(str(error))

    async with open_supervisor(top(Summer())) as sup, trio.open_nursery() as nursery:
        ref = sup.ref("a")
        nursery.start_soon(ask, ref, Busy(50))
        await settle()
        nursery.start_soon(ask, ref, GetSum())
        await settle()
        await sup.terminate_child("a")
        await settle()
        assert sorted(failures) == [
            "top/a: ended (stopped) while it served this",
            "top/a: ended before it served this",
        ]
        assert [letter.reason for letter in sup.dead_letters()] == ["stopped", "stopped"]
        with pytest.raises(ActorDead):
            ref.tell(Add(1))
        with pytest.raises(ActorDead):
            await ref.ask(GetSum(), timeout_s=1)
        assert not ref.alive
        await sup.restart_child("a")
        assert await ref.ask(GetSum(), timeout_s=1) == 0


async def test_an_actor_may_shut_itself_down_in_a_handler(autojump_clock):
    probe = Probe()
    spec = top(Summer(probe), restart="transient")
    async with open_supervisor(spec, report=probe.report) as sup:
        with pytest.raises(ActorDead):
            await sup.ref("a").ask(Fail(Shutdown("enough")), timeout_s=1)
        assert sup.which_children()[0].state == "undefined"
        assert probe.said("terminate") == ["a"]
    assert probe.reports == []


@pytest.mark.parametrize(
    ("mode", "handled", "at"), [("cancel", [], 1), ("stop", ["done"], 10), ("drain", ["done", "done", "done"], 30)]
)
async def test_the_stop_mode_says_how_much_is_still_handled(autojump_clock, mode, handled, at):
    probe = Probe()
    async with open_supervisor(top(Summer(probe), shutdown_ms=60_000), report=probe.report) as sup:
        ref = sup.ref("a")
        for _ in range(3):
            ref.tell(Busy(10))
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sup.terminate_child, "a", mode)
            await settle()
            with pytest.raises(ActorDead):
                ref.tell(Add(1))
        assert trio.current_time() == at
        assert [what for _, what, _ in probe.events if what == "done"] == handled
        assert probe.said("terminate") == ["a"]
        assert len(sup.dead_letters()) == 3 - len(handled)
    assert probe.reports == []


async def test_a_drain_that_takes_longer_than_shutdown_ms_is_a_kill(autojump_clock):
    probe = Probe()
    async with open_supervisor(top(Summer(probe), shutdown_ms=15_000), report=probe.report) as sup:
        for _ in range(3):
            sup.ref("a").tell(Busy(10))
        await settle()
        await sup.terminate_child("a", mode="drain")
        assert trio.current_time() == 15
    assert probe.kinds() == ["killed"]


async def test_draining_a_supervisor_drains_its_actors_in_reverse(autojump_clock):
    probe = Probe()
    inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("a", Summer(probe)), ChildSpec("b", Summer(probe))))
    outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("in", inner, type="supervisor"),))
    async with open_supervisor(outer) as sup:
        for key in "ab":
            sup.child("in").ref(key).tell(Busy(2))
        await settle()
        probe.clear()
        await sup.terminate_child("in", mode="drain")
        assert sorted(probe.said("done")) == ["a", "b"]
        assert probe.said("terminate") == ["b", "a"]


async def test_terminate_runs_after_a_crash_too_and_both_errors_are_told(autojump_clock):
    class Messy(Summer):
        async def terminate(self, ctx, state):
            raise ValueError("in terminate")

    probe = Probe()
    async with open_supervisor(top(Messy()), report=probe.report) as sup:
        sup.ref("a").tell(Fail())
        await settle()
        assert sup.which_children()[0].incarnation == 2
    first, second = probe.reports
    assert [repr(leaf) for leaf in first.leaves] == ["Oops('a')", "ValueError('in terminate')"]
    assert second.kind == "failed_while_stopping"


async def test_a_message_that_takes_too_long_is_hung_and_the_actor_restarted(autojump_clock):
    probe = Probe()
    spec = top(Summer(probe), mailbox=Mailbox(10, hung_after_ms=2000))
    async with open_supervisor(spec, report=probe.report) as sup:
        ref = sup.ref("a")
        for seconds in (1.5, 1.9, 1.0):
            ref.tell(Busy(seconds))
        await trio.sleep(10)
        assert probe.reports == []
        ref.tell(Busy(60))
        ref.tell(Add(3))
        assert await ref.ask(GetSum(), timeout_s=60) == 3
        assert trio.current_time() == 12
        assert sup.dead_letters()[0].message == Busy(60)
    assert [(report.kind, report.reason) for report in probe.reports] == [
        ("hung", "one message took longer than hung_after_ms")
    ]


async def test_a_long_idle_time_is_healthy_and_so_is_progress(autojump_clock):
    class Patient(Actor[None, str]):
        async def handle(self, ctx, state, message):
            for _ in range(10):
                await trio.sleep(1.5)
                ctx.progress()
            ctx.reply("done")

    async with open_supervisor(top(Patient(), mailbox=Mailbox(10, hung_after_ms=2000)), report=pytest.fail) as sup:
        await trio.sleep(3600)
        assert await sup.ref("a").ask("go", timeout_s=60) == "done"


@dataclass(frozen=True)
class Stubborn(Fail):
    redeliver: ClassVar[int] = 2


async def test_a_message_type_may_ask_for_redelivery_and_then_is_poison(autojump_clock):
    probe = Probe()
    async with open_supervisor(top(Summer(probe)), report=lambda _: None) as sup:
        ref = sup.ref("a")
        ref.tell(Stubborn())
        ref.tell(Add(1))
        assert await ref.ask(GetSum(), timeout_s=1) == 1
        (letter,) = sup.dead_letters()
        assert (letter.message, letter.reason, letter.attempts) == (Stubborn(), "poison", 3)
        assert probe.said("init") == ["a"] * 4


async def test_a_mailbox_may_redeliver_everything_that_failed(autojump_clock):
    class Recovers(Summer):
        tries = 0

        async def handle(self, ctx, state, message):
            if isinstance(message, Add):
                self.tries += 1
                if self.tries < 3:
                    raise Oops("not yet")
            return await super().handle(ctx, state, message)

    async with open_supervisor(top(Recovers(), mailbox=Mailbox(10, redeliver=5)), report=lambda _: None) as sup:
        sup.ref("a").tell(Add(9))
        assert await sup.ref("a").ask(GetSum(), timeout_s=1) == 9
        assert sup.dead_letters() == ()


async def test_a_dead_letter_can_be_replayed(autojump_clock):
    class Recovers(Summer):
        healthy = False

        async def handle(self, ctx, state, message):
            if not self.healthy:
                self.healthy = True
                raise Oops("not yet")
            return await super().handle(ctx, state, message)

    async with open_supervisor(top(Recovers()), report=lambda _: None) as sup:
        sup.ref("a").tell(Add(9))
        await settle()
        (letter,) = sup.dead_letters()
        sup.replay(letter.number)
        assert await sup.ref("a").ask(GetSum(), timeout_s=1) == 9
        assert sup.dead_letters() == ()
        assert sup.statistics().dead_letters == 1
        with pytest.raises(NotFound):
            sup.replay(letter.number)


async def test_a_replay_that_cannot_be_sent_keeps_the_letter(autojump_clock):
    async with open_supervisor(top(Summer()), report=lambda _: None) as sup:
        sup.ref("a").tell(Fail())
        await settle()
        (letter,) = sup.dead_letters()
        await sup.terminate_child("a")
        with pytest.raises(ActorDead):
            sup.replay(letter.number)
        assert sup.dead_letters() == (letter,)


async def test_many_synchronous_messages_leave_the_other_tasks_their_turns(autojump_clock):
    async with open_supervisor(top(Summer(), mailbox=Mailbox(10_000))) as sup:
        ref = sup.ref("a")
        for _ in range(10_000):
            ref.tell(Add(1))
        turns = 0
        while sup.statistics().children[0].mailbox.depth:
            await trio.lowlevel.checkpoint()
            turns += 1
        assert turns > 100


async def test_a_child_that_is_no_actor_takes_no_messages(autojump_clock):
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady),))) as sup:
        with pytest.raises(ActorDead, match="takes no messages"):
            sup.ref("a")
