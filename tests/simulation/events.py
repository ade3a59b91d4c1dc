"""What can happen in a simulation: kinds of events, and the numbers that go with each. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What happens. The numbers that go with it are those of `Event`."""

    LAUNCH = auto()
    CROWD_BUYS = auto()
    CROWD_SELLS = auto()
    BUY = auto()
    SELL = auto()
    STANDS = auto()  # the user has an order wait for a price, or come again
    COPIES = auto()  # the user copies a trader, or another user, by the words of the command
    COPIES_NO_MORE = auto()  # he leaves the leader whom he has copied longest
    AUTO_STARTS = auto()  # he has the automated trader buy what those buy whom he follows
    AUTO_STOPS = auto()
    SELLS_A_PART = auto()  # a trader sells a share of what he holds
    FREEZES = auto()  # a user freezes his wallet, which is swept to his safe address
    THAWS = auto()
    WITHDRAWS = auto()  # he sends SOL to an address of his own
    TAKES_KEY = auto()  # he takes the key of his wallet out
    PAPER_BUYS = auto()  # he buys on paper, beside his own mode
    PAPER_SELLS = auto()
    PAPER_RESETS = auto()  # he sets the virtual wallet back to what it began with
    TAKES_BACK = auto()  # he takes the newest of those back
    REPEAT = auto()  # the user sends his last order once more
    PANIC = auto()
    PAUSE = auto()
    RESUME = auto()
    OPERATOR_PAUSES = auto()
    OPERATOR_RESUMES = auto()
    OPERATOR_FLATTENS = auto()
    REARM = auto()
    CHAIN_FAULT = auto()
    LIE = auto()  # of one endpoint, or of both at once
    OUTSIDE_IN = auto()  # somebody sends SOL to a user's wallet
    OUTSIDE_OUT = auto()  # somebody who has a user's key sends SOL away
    OUTSIDE_SALE = auto()  # somebody who has a user's key sells a share of what he holds of a token
    OPENS_ACCOUNT = auto()  # a trader opens an account of a token for a user, who then has it empty
    ACKNOWLEDGES = auto()  # the user says that it was he
    RESTART = auto()  # an operator starts a part of the bot again
    BUG_AT_CALL = auto()  # an actor raises at a call of the money path, or hangs there for a while
    FORK = auto()  # the network takes the newest slots back
    STORE_AWAY = auto()
    STORE_LOSES_ANSWERS = auto()
    STORE_HANGS = auto()
    STORE_IS_FULL = auto()  # its reads are answered, its writes are not taken
    JOURNAL_IS_FULL = auto()
    KILL = auto()
    COMPLETES = auto()
    SELLS_IN_POOL = auto()
    CRASH = auto()
    CRASH_AT_CALL = auto()
    CRASH_AT_APPEND = auto()  # of the journal: before, after or in the middle of a record


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens `at_s` seconds after the start. Which of the other fields count depends on the kind.

    `amount` is lamports of a buy or a withdrawal, basis points of a sale or of a fresh curve's price, milliseconds of a delay,
    slots of a fork, or the number of a call or a record. `name` is what is typed behind the leader of a copy, or what becomes
    of open ones. `lost_percent` of what a fork takes back never lands again.
    """

    at_s: float
    kind: Kind
    user: int = 0
    token: int = 0
    trader: int = 0
    amount: int = 0
    lasts_s: float = 0.0
    name: str = ""
    endpoint: str = "all"
    path: tuple[str, ...] = ()
    lost_percent: int = 0

    def __str__(self) -> str:
        left = {"at_s", "kind"}
        told = [f"{name}={getattr(self, name)}" for name in self.__slots__ if name not in left and getattr(self, name)]
        return f"{self.at_s:6.2f} s {self.kind.name.lower()} {' '.join(told)}"


# What users do beside orders of their own, and those whom they follow.
DOINGS = frozenset(
    {
        *(Kind.COPIES, Kind.COPIES_NO_MORE, Kind.AUTO_STARTS, Kind.AUTO_STOPS, Kind.SELLS_A_PART),
        *(Kind.FREEZES, Kind.THAWS, Kind.WITHDRAWS, Kind.TAKES_KEY),
        *(Kind.PAPER_BUYS, Kind.PAPER_SELLS, Kind.PAPER_RESETS),
    }
)
