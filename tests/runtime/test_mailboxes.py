"""What a full mailbox does, which messages wait for which, and what its numbers say."""

from dataclasses import dataclass

import pytest
import trio

from actors.runtime import Actor, ActorDead, ChildSpec, Mailbox, MailboxFull, SupervisorSpec, open_supervisor


async def settle():
    await trio.testing.wait_all_tasks_blocked()


class Slow(Actor[None, object]):
    """Takes a second for each message and answers with all that it has handled."""

    def __init__(self):
        self.handled = []

    async def handle(self, ctx, state, message):
        await trio.sleep(1)
        self.handled.append(message)
        ctx.reply(tuple(self.handled))


@dataclass(frozen=True)
class Quote:
    mint: str
    price: int

    @property
    def conflate_key(self):
        return self.mint


def top(actor, mailbox):
    return SupervisorSpec("top", "one_for_one", (ChildSpec("a", actor, mailbox=mailbox),))


def numbers(sup):
    return sup.statistics().children[0].mailbox


async def test_reject_refuses_the_newcomer(autojump_clock):
    actor = Slow()
    async with open_supervisor(top(actor, Mailbox(2, "reject"))) as sup:
        ref = sup.ref("a")
        ref.tell(0)
        await settle()
        ref.tell(1)
        ref.tell(2)
        with pytest.raises(MailboxFull):
            ref.tell(3)
        with pytest.raises(MailboxFull):
            await ref.ask(3, timeout_s=1)
        assert (numbers(sup).depth, numbers(sup).rejected, numbers(sup).pending_asks) == (2, 2, 0)
        await trio.sleep(10)
        assert actor.handled == [0, 1, 2]


async def test_drop_oldest_pushes_out_the_oldest_and_tells_its_asker(autojump_clock):
    actor = Slow()
    async with open_supervisor(top(actor, Mailbox(2, "drop_oldest"))) as sup, trio.open_nursery() as nursery:
        ref = sup.ref("a")
        ref.tell(0)
        await settle()

        async def asks():
            with pytest.raises(MailboxFull, match="pushed out"):
                await ref.ask(1, timeout_s=60)

        nursery.start_soon(asks)
        await settle()
        for message in (2, 3, 4):
            ref.tell(message)
        await trio.sleep(10)
        assert actor.handled == [0, 3, 4]
        assert [(letter.message, letter.reason) for letter in sup.dead_letters()] == [
            (1, "mailbox_full"),
            (2, "mailbox_full"),
        ]
        assert numbers(sup).dropped == 2


async def test_block_makes_send_and_ask_wait_for_room_and_tell_refuse(autojump_clock):
    actor = Slow()
    async with open_supervisor(top(actor, Mailbox(1, "block"))) as sup, trio.open_nursery() as nursery:
        ref = sup.ref("a")
        ref.tell(0)
        await settle()
        ref.tell(1)
        with pytest.raises(MailboxFull):
            ref.tell(2)
        nursery.start_soon(ref.send, 2)
        await settle()
        assert trio.current_time() == 0
        assert await ref.ask(3, timeout_s=60) == (0, 1, 2, 3)
        assert trio.current_time() == 4


async def test_an_asker_who_waits_for_room_keeps_one_deadline_for_both(autojump_clock):
    async with open_supervisor(top(Slow(), Mailbox(1, "block"))) as sup:
        ref = sup.ref("a")
        ref.tell(0)
        await settle()
        ref.tell(1)
        with pytest.raises(trio.TooSlowError):
            await ref.ask(2, timeout_s=0.5)
        with pytest.raises(trio.TooSlowError):
            await ref.ask(2, timeout_s=1.5)
        assert trio.current_time() == 2
        assert numbers(sup).pending_asks == 0


async def test_senders_who_wait_for_room_are_told_when_the_address_ends(autojump_clock):
    async with open_supervisor(top(Slow(), Mailbox(1, "block"))) as sup, trio.open_nursery() as nursery:
        ref = sup.ref("a")
        ref.tell(0)
        await settle()
        ref.tell(1)

        async def sends():
            with pytest.raises(ActorDead):
                await ref.send(2)

        for _ in range(3):
            nursery.start_soon(sends)
        await settle()
        await sup.terminate_child("a")


async def test_conflate_keeps_the_newest_of_each_key_in_the_place_of_the_first(autojump_clock):
    actor = Slow()
    async with open_supervisor(top(actor, Mailbox(3, "conflate"))) as sup:
        ref = sup.ref("a")
        ref.tell("go")
        await settle()
        for price in range(100):
            ref.tell(Quote("x", price))
            ref.tell(Quote("y", -price))
        ref.tell("no key")
        with pytest.raises(MailboxFull):
            ref.tell("no key either")
        with pytest.raises(MailboxFull):
            ref.tell(Quote("z", 0))
        assert (numbers(sup).depth, numbers(sup).conflated, numbers(sup).rejected) == (3, 198, 2)
        await trio.sleep(10)
        assert actor.handled == ["go", Quote("x", 99), Quote("y", -99), "no key"]
        ref.tell(Quote("x", 5))
        await trio.sleep(2)
        assert actor.handled[-1] == Quote("x", 5)


async def test_the_control_lane_is_never_behind_user_messages_nor_refused_because_of_them(autojump_clock):
    actor = Slow()
    async with open_supervisor(top(actor, Mailbox(3, "reject"))) as sup:
        ref = sup.ref("a")
        ref.tell("busy")
        await settle()
        for number in range(3):
            ref.tell(number)
        ref.tell("exit", control=True)
        assert (await ref.ask("exit too", timeout_s=60, control=True)) == ("busy", "exit", "exit too")
        for number in range(3):
            ref.tell(number, control=True)
        with pytest.raises(MailboxFull, match="control lane"):
            ref.tell(3, control=True)


async def test_the_numbers_of_a_mailbox(autojump_clock):
    async with open_supervisor(top(Slow(), Mailbox(5))) as sup:
        ref = sup.ref("a")
        assert numbers(sup).message_age_s is None
        ref.tell(0)
        ref.tell(1)
        await trio.sleep(1.25)
        assert (numbers(sup).handled, numbers(sup).depth, numbers(sup).message_age_s) == (1, 0, 0.25)
