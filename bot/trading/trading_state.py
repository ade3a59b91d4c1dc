"""Whether entries are open: a set of pause causes, each with its scope, who set it, when and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.trading.intent import Context

RESTORED = "restored"  # the cause of a halt that a bot comes up with whose books came out of a backup
GLOBAL = "global"
OF_PROGRAM = "program:"  # what the scope begins with of tokens that trade at one program
RPC_BUDGET = "rpc_budget"  # every RPC endpoint that answers may be asked by exits alone
RESOURCES = "resources"  # memory, file handles or monitors are nearly used up
VAULT = "vault"  # the process that signs does not answer
UNCOMPARED = "uncompared"  # nobody could say for a while what a user's wallet holds
OUTFLOW = "outflow"  # SOL left a user's wallet without us; it freezes the wallet until he says that it was he
FROZEN = "frozen"  # its owner, or a rule for him, froze one wallet until he ends that with a code
OF_WALLET = "wallet:"  # what the scope begins with of one wallet of a user

# What a cause means to whoever trades here, where its name does not say so.
_IN_WORDS = {
    RPC_BUDGET: "this month's requests to the chain are used, but for exits",
    UNCOMPARED: "the chain cannot say for certain what your wallet holds",
    VAULT: "nothing can be signed",
    RESOURCES: "this bot is at the end of what its machine or its settings give it",
    "reconcile": "the books are being compared with the chain",
}


def in_words(causes: Iterable[str]) -> str:
    """The names of causes for people, with what those mean that do not say it themselves."""
    return ", ".join(f"{name}: {_IN_WORDS[name]}" if name in _IN_WORDS else name for name in causes)


def scope_of_wallet(user_id: str, wallet_id: str) -> str:
    """The scope of a cause of one wallet."""
    return f"{OF_WALLET}{user_id}:{wallet_id}"


def user_of_wallet(scope: str) -> tuple[str, str]:
    """The ids of the user and the wallet that such a scope names."""
    user_id, _, wallet_id = scope.removeprefix(OF_WALLET).partition(":")
    return user_id, wallet_id


class State(StrEnum):
    """The states of `bot status` (cli.md names them)."""

    STARTING = "STARTING"
    OPEN = "OPEN"
    PAUSED = "PAUSED"
    FLATTENING = "FLATTENING"
    HALTED = "HALTED"
    STOPPING = "STOPPING"


class Binds(StrEnum):
    """Whose entries a cause pauses: everything that would buy, or what buys without a person's command."""

    ALL = "all"
    AUTOMATED = "automated"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why entries are paused; `by` is who set it, a subsystem or a person.

    `scope` is `global`, `user:<id>`, `wallet:<user id>:<id>` for one of his wallets, or `program:<name>` for tokens that trade
    at that program of the chain.
    """

    name: str
    scope: str
    since_ms: int
    by: str
    why: str
    binds: Binds = Binds.ALL

    @property
    def told(self) -> str:
        """Its name, with the program where it is about one."""
        return (
            f"{self.name} of {self.scope.removeprefix(OF_PROGRAM)}" if self.scope.startswith(OF_PROGRAM) else self.name
        )

    def covers(self, user_id: str, context: Context, program: str | None = None, wallet_id: str = "") -> bool:
        """Whether this cause keeps this user's request of this origin from entering, at `program` where that is known."""
        if self.scope not in {GLOBAL, f"user:{user_id}", f"{OF_PROGRAM}{program}", scope_of_wallet(user_id, wallet_id)}:
            return False
        return self.binds is Binds.ALL or context is not Context.MANUAL_COMMAND


@dataclass(frozen=True, slots=True)
class Halt:
    """A latched halt: which cause became critical, since when, who latched it and why. Only an operator's rearm ends it."""

    cause: str
    since_ms: int
    by: str
    why: str

    @property
    def sells(self) -> bool:
        """Whether everything is sold, except what its owner holds; after a restore nothing is, beyond everybody's own exits."""
        return self.cause != RESTORED


def hands_over(halt: Halt | None) -> bool:
    """Whether bytes of an earlier life may go out again: not while books that came out of a backup wait to be looked at."""
    return halt is None or halt.sells


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One change of the state or level of `bot status`. `cause` and `why` are what brought it, or what ended it."""

    at_ms: int
    state: State
    level: int
    cause: str
    why: str


@dataclass(frozen=True, slots=True)
class TradingState:
    """The set of causes, keyed by name and scope. Entries are open for a request when none covers it."""

    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)

    def with_cause(self, cause: Cause) -> TradingState:
        """Add a cause; one that is already there keeps its first time and text."""
        key = (cause.name, cause.scope)
        return self if key in self.causes else TradingState({**self.causes, key: cause})

    def without(self, name: str, scope: str = GLOBAL) -> TradingState:
        """Remove a cause; removing one that is not there changes nothing."""
        return TradingState({key: cause for key, cause in self.causes.items() if key != (name, scope)})

    def covering(
        self, user_id: str, context: Context, program: str | None = None, wallet_id: str = ""
    ) -> tuple[str, ...]:
        """Names of the causes that pause this user's requests of this origin and program, in the order they came.

        One of a single program is told with it: `panic of pumpfun`.
        """
        return tuple(cause.told for cause in self.causes.values() if cause.covers(user_id, context, program, wallet_id))
