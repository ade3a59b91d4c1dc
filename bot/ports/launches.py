"""Launches as they happen: the stream that the bot follows, the sources that it is made of, and word from outside the chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from bot.trading.launch import StreamEvent


@dataclass(frozen=True, slots=True)
class SourceLosses:
    """What a source of launches did not tell, or told late, in counts since the start.

    `lost` transactions could not be read; `passed_over` ones were named while too many waited to be read. `gaps` counts the
    times that nothing of the source was followed for a moment: `repaired` transactions of them were read afterwards, and
    `unrepaired` ones among the gaps were not made up for, or not whole.
    """

    lost: int = 0
    passed_over: int = 0
    gaps: int = 0
    repaired: int = 0
    unrepaired: int = 0


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """One source of launches as status shows it.

    `state` is `up`, `opening`, `down`, or `waiting` for one that is asked only while all others are silent. `since_ms` is
    when that began, 0 before the first attempt. `age_s` is how long ago it gave a sign of life, None before the first one.
    Of the `launches` that it told, it was the `first` to tell so many. `detail` says why it is not up.
    """

    name: str
    state: Literal["up", "opening", "down", "waiting"]
    since_ms: int
    age_s: float | None
    launches: int
    first: int
    detail: str = ""
    losses: SourceLosses = SourceLosses()


class LaunchStream(Protocol):
    def events(self) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """Launches and trades as they happen, each once. Iteration raises ChainUnavailable when nobody tells them any more."""

    def sources(self) -> Sequence[SourceHealth]:
        """How whoever tells them fares, in the order of the settings."""


class Listener(Protocol):
    """Whoever follows a source."""

    async def tell(self, event: StreamEvent) -> None:
        """Take one event; it may have come from another source already."""

    def alive(self) -> None:
        """The source stands, or gave another sign of life."""

    def knows(self, signature: str) -> bool:
        """Whether any source told of this transaction, so that nobody needs to read it again."""

    def launch_was_known(self) -> None:
        """The source named a launch that another one had told already."""


class LaunchSource(Protocol):
    """One way to hear of launches. `name` is safe to print.

    A `complete` source tells every trade beside the launches, so that an opinion of a token can be formed from it alone.
    """

    @property
    def name(self) -> str: ...

    @property
    def complete(self) -> bool: ...

    def losses(self) -> SourceLosses:
        """What it did not tell since the start; no I/O."""

    async def follow(self, listener: Listener) -> NoReturn:
        """Tell until cancelled, and give a sign of life first. Raises ChainUnavailable when it is lost or silent."""


@dataclass(frozen=True, slots=True)
class LaunchHint:
    """Word from outside the chain of one transaction: what it is said to be, and its signature and mint (base58)."""

    kind: Literal["create", "trade", "migrate"]
    signature: str
    mint: str


class LaunchHints(Protocol):
    """A service that tells of launches. Nobody trades by its word: what it names is read from the chain.

    `tells_trades` says whether it tells of the trades of new tokens, too.
    """

    @property
    def name(self) -> str: ...

    @property
    def tells_trades(self) -> bool: ...

    async def follow(self, hinted: Callable[[LaunchHint], Awaitable[None]], alive: Callable[[], None]) -> NoReturn:
        """Call `alive` with every sign of life and `hinted` with every hint, until cancelled.

        Raises ChainUnavailable when the service is lost, refuses or is silent.
        """
