"""Who tells of tokens beside the chain, and what aggregators say, for people to look at: nothing is decided by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Word_co = TypeVar("Word_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Span:
    """The latest hour or day over all markets that a teller knows; None is what it does not say. The volume is whole dollars."""

    volume_usd: int | None = None
    buys: int | None = None
    sells: int | None = None
    change_bps: int | None = None


@dataclass(frozen=True, slots=True)
class MintWord:
    """What a teller says can be done to a mint and its holders; None is what it does not say."""

    can_rename: bool | None = None
    can_mint: bool | None = None
    can_freeze: bool | None = None
    takes_fee: bool | None = None
    top_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Hearsay:
    """One teller's word about a token; None is what it does not say.

    `lamports_per_million` is its price for a million tokens in lamports, `pico_usd` that of one token in millionths of a
    millionth of a dollar, each where it tells it. `markets` are names of places with how many pairs each has; `impossible` is
    how many more pairs told figures that cannot be. Links are https addresses that a stranger chose; names are his too.
    """

    lamports_per_million: int | None = None
    pico_usd: int | None = None
    hour: Span = Span()
    day: Span = Span()
    liquidity_usd: int | None = None
    markets: tuple[tuple[str, int], ...] = ()
    impossible: int = 0
    opened_at_ms: int | None = None
    links: tuple[str, ...] = ()
    holders: int | None = None
    mint: MintWord | None = None


class Teller(Protocol[Word_co]):
    """Somebody who tells of tokens, in words of one kind. `name` is for people, `at_once` how many tokens one question may name.

    `fresh_ms` is for how long nothing new needs to be asked.
    """

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int: ...

    @property
    def fresh_ms(self) -> int: ...

    async def ask(self, mints: Sequence[str]) -> Mapping[str, Word_co]:
        """What it says of each of these that it knows; raises HearsayUnavailable. It takes as long as its rate makes it."""
