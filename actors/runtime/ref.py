"""How others send to an actor: tell, send and ask. Every sender holds a Ref and never the actor itself."""

from typing import Any

import trio

from actors.runtime.envelopes import Ask
from actors.runtime.mailbox import Inbox
from actors.runtime.timers import Timers


class Ref:
    """Where messages to one address go. It outlives restarts and costs nothing to keep."""

    __slots__ = ("_inbox", "_timers")

    def __init__(self, inbox: Inbox, timers: Timers) -> None:
        self._inbox = inbox
        self._timers = timers

    def __repr__(self) -> str:
        return f"<Ref {self._inbox.path} {'alive' if self.alive else 'dead'}>"

    @property
    def path(self) -> str:
        """The path of the address."""
        return self._inbox.path

    @property
    def alive(self) -> bool:
        """Whether the address takes messages now; it does while its actor restarts."""
        return self._inbox.is_open

    def tell(self, message: object, *, control: bool = False) -> None:
        """Queue a message and return; raise ActorDead or MailboxFull. A full `block` mailbox refuses here, see send."""
        inbox = self._inbox
        queue = inbox.queue
        if control:
            inbox.put_control(message)
        elif queue and len(queue) < inbox.easy_room:
            # What put() does in the common case, without the call; nobody sleeps beside a message that waits.
            queue.append(message)
        else:
            inbox.put(message)

    async def send(self, message: object) -> None:
        """Queue a message, waiting for room where the mailbox's rule is `block`; raise ActorDead or MailboxFull."""
        await trio.lowlevel.checkpoint()
        await self._inbox.wait_for_room()
        self._inbox.put(message)

    async def ask(self, message: object, *, timeout_s: float, control: bool = False) -> Any:
        """Send a message and return what the handler replies.

        Raises trio.TooSlowError after `timeout_s` seconds, ActorFailed at once when the actor fails or restarts while
        it serves this message, ActorDead when the address ends first, MailboxFull when it refuses the message.
        """
        inbox = self._inbox
        due = self._timers.now() + timeout_s
        if inbox.blocks and not control:
            with trio.fail_at(due):
                await inbox.wait_for_room()
        ask = Ask(message, due)
        queue = inbox.queue
        if control:
            inbox.put_control(ask)
        elif queue and len(queue) < inbox.easy_room:
            queue.append(ask)
        else:
            inbox.put(ask)
        if due < inbox.asks_due:
            inbox.watch_asks(due)
        return await trio.lowlevel.wait_task_rescheduled(ask.abandon)
