"""How the outcomes of a race between endpoints are judged: which is enough, and what all of them together come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from bot.chain.not_asked import OverBudget
from bot.chain.race import Outcome
from bot.chain.rpc_errors import SlotNotReached
from bot.errors import BudgetSpent, ChainUnavailable

Answer = TypeVar("Answer")
Peer = TypeVar("Peer")


def is_answer(outcome: Outcome[Peer, Answer]) -> bool:
    """Whether it is no error."""
    return outcome.error is None


def is_more_than_trouble(outcome: Outcome[Peer, Answer]) -> bool:
    """An answer, or an error that another endpoint would not mend."""
    return not isinstance(outcome.error, ChainUnavailable)


def is_known(outcome: Outcome[Peer, Answer]) -> bool:
    """The same, None being no answer."""
    return outcome.answer is not None if outcome.error is None else is_more_than_trouble(outcome)


def never(_: Outcome[Peer, Answer]) -> bool:
    """Everybody is waited for."""
    return False


def settle(outcomes: Sequence[Outcome[Peer, Answer]]) -> Answer:
    """The latest outcome that is more than trouble of an endpoint, as a result."""
    for outcome in reversed(outcomes):
        if is_more_than_trouble(outcome):
            if outcome.error is not None:
                raise outcome.error
            return cast(Answer, outcome.answer)
    told = "; ".join(str(outcome.error) for outcome in outcomes)
    if any(isinstance(outcome.error, SlotNotReached) for outcome in outcomes):
        raise SlotNotReached(told)
    if any(isinstance(outcome.error, OverBudget) for outcome in outcomes):
        raise BudgetSpent(told)
    raise ChainUnavailable(told)
