"""The errors of the runtime, named after OTP's atoms, and the two values with which a child ends itself on purpose."""

from typing import Final, Literal


class SpecError(ValueError):
    """A specification that cannot be started; it names the field and the value, before anything runs."""

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(f"{field} = {value!r}: {why}")
        self.field = field
        self.value = value
        self.why = why


class SupervisionError(ValueError):
    """A supervision file that is refused; the text has one `file:line:column: what is wrong` per line."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class SupervisorError(Exception):
    """The base of what the admin calls of a supervisor raise; `child` is the id that the call named."""

    def __init__(self, child: str, why: str = "") -> None:
        super().__init__(f"{child}: {why}" if why else child)
        self.child = child


class AlreadyStarted(SupervisorError):
    """A child of that id (or an actor of that registered name) runs already."""


class AlreadyPresent(SupervisorError):
    """A child of that id is specified but does not run; restart_child or delete_child is meant."""


class NotFound(SupervisorError):
    """The supervisor has no child of that id."""


class NoProc(SupervisorError):
    """The supervisor has ended or is ending and starts nothing more; its next incarnation has a handle of its own."""


class Running(SupervisorError):
    """The child runs, so it can be neither restarted by hand nor deleted."""


class Restarting(SupervisorError):
    """The supervisor is restarting the child by itself at this moment."""


class MaxChildren(SupervisorError):
    """The dynamic supervisor holds as many children as its spec allows."""


class InitFailed(SupervisorError):
    """A child did not reach `ctx.ready()`; `kind` says how, `cause` is what it raised (None for a timeout or a return)."""

    def __init__(self, child: str, kind: Literal["error", "timeout"], cause: BaseException | None = None) -> None:
        text = "no ctx.ready() within init_timeout_ms" if kind == "timeout" else "returned before ctx.ready()"
        super().__init__(child, text if cause is None else f"{type(cause).__name__}: {cause}")
        self.kind = kind
        self.cause = cause


class ActorError(Exception):
    """The base of what sending to an actor raises; `target` is the path of the address."""

    def __init__(self, target: str, why: str = "") -> None:
        super().__init__(f"{target}: {why}" if why else target)
        self.target = target


class ActorFailed(ActorError):
    """The actor failed, or was restarted, while it served this ask; the outcome of the message is unknown."""


class ActorDead(ActorError):
    """The address accepts no messages: it was stopped, has ended, is quarantined or drains."""


class MailboxFull(ActorError):
    """The mailbox is at its capacity and its rule refuses the newcomer, or dropped this ask for a newer message."""


class BreakerOpen(Exception):
    """A circuit breaker lets no call through; `retry_in_s` is when it will try, 0 while a trial call is under way."""

    def __init__(self, retry_in_s: float) -> None:
        super().__init__(f"the breaker is open for another {retry_in_s:.1f} s")
        self.retry_in_s = retry_in_s


class Shutdown(Exception):
    """Raised by a child to end itself in good order; a permanent child is restarted, a transient one is not."""

    def __init__(self, reason: object = None) -> None:
        super().__init__(reason)
        self.reason = reason


class IgnoreType:
    """The type of `Ignore`; there is one value of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Ignore"


Ignore: Final = IgnoreType()
"""Returned by a child before `ctx.ready()`: it has nothing to do, and that is not a failure."""
