"""The RPC pool: which endpoint is asked, who is asked beside it when it is slow, and what each is known to be worth.

The order of the settings is the preference between endpoints that fare alike. An endpoint that is down, rate-limited,
behind the others or of another chain is left alone while another one serves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar, cast

import structlog
import trio

from bot.chain.allowance import AllowanceRule
from bot.chain.breaker import BreakerRule
from bot.chain.credit_file import CreditFile, Used
from bot.chain.endpoint import PATIENCE_S, Endpoint, Question
from bot.chain.judges import is_answer, is_known, is_more_than_trouble, never, settle
from bot.chain.not_asked import MethodRests, NotAsked, even_failing_methods
from bot.chain.race import Judge, Outcome, race
from bot.chain.rests import all_refuse, through_rests
from bot.chain.rpc import RpcClient
from bot.clock import Clock
from bot.errors import BotError, ChainUnavailable, StartupError
from bot.execution.lanes import in_exit_lane
from bot.ports import EndpointHealth

Answer = TypeVar("Answer")

# After one endpoint took a transaction, how long the others have to take it too.
SEND_GRACE_S = 0.25

# About 6 s on mainnet; reads at `confirmed` and `processed` differ by two or three slots.
MAX_LAG_SLOTS = 16
# How long the slot of an endpoint may stand still; a slot takes 0.4 s, and a leader that is away 1.6 s.
MAX_STILL_S = 5.0
# An endpoint not heard for this long says nothing about where the chain is, so that a dead liar is forgotten.
SLOT_MEMORY_S = 10.0
KEEP_CREDITS_EVERY_S = 60.0

log = structlog.get_logger()


class Endpoints:
    """All endpoints in the order of the settings. Before `admit` any of them is asked; afterwards those of one chain."""

    def __init__(
        self,
        clients: Sequence[RpcClient],
        clock: Clock,
        breaker: BreakerRule = BreakerRule(),  # noqa: B008 - frozen
        *,
        max_lag_slots: int = MAX_LAG_SLOTS,
        max_still_s: float = MAX_STILL_S,
        allowances: Sequence[AllowanceRule] = (),
        credit_file: CreditFile | None = None,
        landmark: str = "",
    ) -> None:
        """`allowances` are those of the clients in order; without any everything may be asked of everybody.

        `landmark` is the address of an account that is always there: who does not show it is asked for nothing until it does.
        """
        if not clients:
            raise ValueError("no endpoint is configured")
        rules = allowances or [AllowanceRule()] * len(clients)
        self._endpoints = tuple(
            Endpoint(client, clock, breaker, rule) for client, rule in zip(clients, rules, strict=True)
        )
        self._credit_file = credit_file
        self._credits_kept_at_s = trio.current_time()
        self._resume_credits()
        self._genesis: str | None = None
        self._max_lag_slots = max_lag_slots
        self._max_still_s = max_still_s
        for client in clients:
            client.least_slot = self._least_slot
            client.newest_slot = self.newest_slot
            client.landmark = landmark

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(endpoint.name for endpoint in self._endpoints)

    def __repr__(self) -> str:
        return f"<Endpoints {', '.join(endpoint.name for endpoint in self._endpoints)}>"

    def set_breaker(self, rule: BreakerRule) -> None:
        """Let every endpoint's breaker follow another rule from its next failure on."""
        for endpoint in self._endpoints:
            endpoint.set_breaker(rule)

    def health(self) -> list[EndpointHealth]:
        return [endpoint.health(self._max_lag_slots, self._max_still_s) for endpoint in self._endpoints]

    def distrust(self, name: str, reason: str) -> None:
        """An endpoint said what others prove wrong: for a while it is asked last of all."""
        for endpoint in self._endpoints:
            if endpoint.name == name:
                endpoint.distrust(reason)

    def new_key(self, place: int) -> None:
        """The endpoint at this place of the settings, from 0, is asked with another key from now on."""
        self._endpoints[place].new_key()

    # What was asked of whom

    def _resume_credits(self) -> None:
        known = self._credit_file.load() if self._credit_file else {}
        for place, endpoint in enumerate(self._endpoints, start=1):
            if (used := known.get(f"rpc-{place}")) is not None:
                endpoint.allowance.resume(used.month, used.requests)

    async def keep_credits(self) -> None:
        """Write down what was asked this month; `probe` does it once a minute."""
        self._credits_kept_at_s = trio.current_time()
        if self._credit_file is None:
            return
        counts = ((place, one.allowance) for place, one in enumerate(self._endpoints, start=1))
        await self._credit_file.save(
            {f"rpc-{place}": Used(month, one.used_this_month) for place, one in counts if (month := one.month())}
        )

    def steady_per_s(self, method: str) -> float | None:
        """Requests a second by a method that the budgets of all who are there for it leave to others than exits.

        None where one of them has no limit.
        """
        there = [one for one in self._endpoints if self._is_ours(one) and one.allowance.refuses(method) is None]
        rates = [one.steady_per_s() for one in there]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known and len(known) == len(rates) else None

    # Which chain, and who is well

    async def admit(self, genesis_hash: str | None) -> str:
        """Ask every endpoint which chain it serves, and leave out those of another; the genesis hash.

        With None the first endpoint in order that answers says which chain it is. One that is silent is not asked for
        anything until a probe has checked it. Raises ChainUnavailable when nobody answers, StartupError when all who
        answer serve another chain.
        """
        await self._probe_all(ask_genesis=True)
        told = [endpoint for endpoint in self._endpoints if endpoint.genesis is not None]
        if not told:
            raise ChainUnavailable("; ".join(endpoint.why_not for endpoint in self._endpoints))
        self._genesis = genesis_hash or told[0].genesis
        self._refuse_strangers()
        if all(endpoint.refused for endpoint in told):
            raise StartupError("; ".join(endpoint.why_not for endpoint in told) + "; check the RPC endpoints")
        assert self._genesis is not None
        return self._genesis

    async def probe(self) -> str:
        """Ask every endpoint for its slot, so that one that recovered, fell behind or died is known before it is needed.

        One whose month is used, and which is well, is asked seldom: what it costs is not for probes. To be called every
        second or two. One line for people; raises ChainUnavailable when nobody can be used, and when the slot of everybody
        who can stands still: then the chain halts, or they are cut off from it.
        """
        if trio.current_time() >= self._credits_kept_at_s + KEEP_CREDITS_EVERY_S:
            await self.keep_credits()
        answered = await self._probe_all(ask_genesis=self._genesis is not None)
        self._refuse_strangers()
        usable = sum(self._is_ours(endpoint) and not endpoint.still(self._max_still_s) for endpoint in answered)
        if not usable:
            raise ChainUnavailable(self._why_nobody())
        spent = sum(endpoint.is_spent for endpoint in answered)
        budget = f"; {spent} of them for exits alone, their month is used" if spent else ""
        return f"slot {self._highest_slot()}, {usable} of {len(self._endpoints)} endpoints{budget}"

    def _highest_slot(self) -> int:
        """For people: of who was not heard lately, because his month is used, the slot of then."""
        return self.newest_slot() or max((one.client.last_slot or 0 for one in self._endpoints), default=0)

    async def _probe_all(self, *, ask_genesis: bool) -> list[Endpoint]:
        """Who answered. Which chain an endpoint serves is asked until it has told, and whenever that is due again."""
        answered: list[Endpoint] = []

        async def probe(endpoint: Endpoint) -> None:
            if endpoint.is_spared(self._max_lag_slots, self._max_still_s):
                answered.append(endpoint)
                return
            if ask_genesis and endpoint.is_genesis_due and not await endpoint.ask_genesis():
                return
            if await endpoint.probe(_slot_and_sight if endpoint.client.blind else RpcClient.slot) is not None:
                answered.append(endpoint)

        async with trio.open_nursery() as nursery:
            for endpoint in self._endpoints:
                nursery.start_soon(probe, endpoint)
        return answered

    def _refuse_strangers(self) -> None:
        for endpoint in self._endpoints:
            is_stranger = endpoint.genesis not in {None, self._genesis}
            if endpoint.refused and not is_stranger:
                endpoint.accept()
                log.warning("endpoint_accepted", endpoint=endpoint.name)
            if endpoint.refused or not is_stranger:
                continue
            reason = f"{endpoint.name}: it serves the chain {endpoint.genesis}, ours is {self._genesis}"
            endpoint.refuse(reason)
            log.error("endpoint_refused", endpoint=endpoint.name, reason=reason)

    def _is_ours(self, endpoint: Endpoint) -> bool:
        return not endpoint.refused and (self._genesis is None or endpoint.genesis == self._genesis)

    def newest_slot(self) -> int:
        """The newest slot of whom was heard lately; 0 when nobody was.

        Of three or more it is the second newest, so that no single endpoint can make all the others look late.
        """
        since_s = trio.current_time() - SLOT_MEMORY_S
        heard = (one.client for one in self._endpoints if not one.refused and one.admits)
        slots = sorted(client.last_slot or 0 for client in heard if client.heard_at_s >= since_s)
        return slots[-2] if len(slots) > 2 else max(slots, default=0)

    def _least_slot(self) -> int:
        return self.newest_slot() - self._max_lag_slots

    # Whom to ask

    def _candidates(self, besides: Collection[str] = (), *, even_blind: bool = False) -> list[Endpoint]:
        """Who may be asked, the best first, then who is on trial, then who was caught in a lie; `besides` are left out.

        Who is behind is asked only when everybody is. When everybody is left alone, an exit still asks those who did
        not ask for it themselves in the last minute. Who does not show what is always there is asked for nothing, and
        may be handed bytes.
        """
        ours = [one for one in self._endpoints if self._is_ours(one) and one.name not in besides]
        ours = [one for one in ours if even_blind or not one.client.blind]
        found = [endpoint for endpoint in ours if endpoint.admits]
        if not found and in_exit_lane():
            found = [endpoint for endpoint in ours if not endpoint.rests]
        if not found:
            raise ChainUnavailable(self._why_nobody(besides))
        found = [endpoint for endpoint in found if not self._lags(endpoint)] or found
        return sorted(found, key=lambda endpoint: (endpoint.is_distrusted, endpoint.is_trial, endpoint.cost))

    def _lags(self, endpoint: Endpoint) -> bool:
        """Whether it was too far behind, or stood still, when it was heard last; the probes hear it every second or two."""
        return (endpoint.client.lag_slots or 0) > self._max_lag_slots or bool(endpoint.still(self._max_still_s))

    def _why_nobody(self, besides: Collection[str] = ()) -> str:
        told = [self._why_not(endpoint) for endpoint in self._endpoints if endpoint.name not in besides]
        return "; ".join(told) or "no other endpoint is configured"

    def _why_not(self, endpoint: Endpoint) -> str:
        still = "" if endpoint.refused or not endpoint.admits else endpoint.still(self._max_still_s)
        return f"{endpoint.name}: {still}" if still else endpoint.why_not

    def refuses(self, place: int) -> bool:
        """Whether the endpoint at this place of the settings, from 0, serves another chain."""
        return self._endpoints[place].refused

    async def first(self, question: Question[Answer], *, hedge: bool = False) -> Answer:
        """The first usable answer; `hedge` asks the next endpoint sooner, for reads that an exit waits for.

        Raises ChainUnavailable with everybody's trouble when there is none.
        """
        return settle(await self._race(question, is_more_than_trouble, hedge=hedge))

    async def first_known(self, question: Question[Answer | None]) -> Answer | None:
        """The first answer that is not None; None when all who answered knew nothing. Raises ChainUnavailable for no answer."""
        return settle(await self._race(question, is_known, hedge=False))

    async def first_named(
        self, question: Question[Answer], *, hedge: bool = False, besides: Collection[str] = ()
    ) -> tuple[str, Answer]:
        """As `first`, with the name of who answered; `besides` are the names of who is not asked."""
        outcomes = await self._race(question, is_more_than_trouble, hedge=hedge, besides=besides)
        return outcomes[-1].peer.name, settle(outcomes)

    async def known_by_two(
        self, question: Question[Answer | None], *, within_s: float, besides: Collection[str] = ()
    ) -> tuple[list[tuple[str, Answer]], int]:
        """What two endpoints know, by name, and how many answered that they know nothing.

        Two are asked at once; the second has `within_s` after the first, and may be missing. With 0 one is enough.
        """
        known: list[tuple[str, Answer]] = []
        denials = 0
        waiting = trio.CancelScope()

        def is_enough(outcome: Outcome[Endpoint, Answer | None]) -> bool:
            nonlocal denials
            if outcome.answer is not None:
                known.append((outcome.peer.name, outcome.answer))
                waiting.deadline = trio.current_time() + within_s
            elif outcome.error is None:
                denials += 1
            return len(known) == 2 or (bool(known) and within_s == 0)

        with waiting:
            outcomes = await self._race(question, is_enough, hedge=True, besides=besides, pair=True)
            if not known:
                settle(outcomes)
        return known, denials

    async def _race(
        self,
        question: Question[Answer],
        is_final: Judge[Endpoint, Answer],
        *,
        hedge: bool,
        besides: Collection[str] = (),
        pair: bool = False,
    ) -> list[Outcome[Endpoint, Answer]]:
        """An exit waits out a short rest of all endpoints; for a second word, `besides` somebody's, it waits for nobody."""

        async def once() -> list[Outcome[Endpoint, Answer]]:
            return await self._race_once(question, is_final, hedge=hedge, besides=besides, pair=pair)

        if besides:
            return await once()
        return await through_rests(once, lambda told: all_refuse(one.error for one in told), self._rest_left_s)

    def _rest_left_s(self) -> float | None:
        """Seconds until the first of those that asked to be left alone may be asked by an exit; None where nobody did."""
        rests = (one.rest_left_s for one in self._endpoints if self._is_ours(one) and not one.client.blind)
        return min((left_s for left_s in rests if left_s is not None), default=None)

    async def _race_once(
        self,
        question: Question[Answer],
        is_final: Judge[Endpoint, Answer],
        *,
        hedge: bool,
        besides: Collection[str],
        pair: bool,
    ) -> list[Outcome[Endpoint, Answer]]:
        candidates = self._candidates(besides)

        async def ask(endpoint: Endpoint) -> Answer:
            return await endpoint.ask(question)

        def patience_s(endpoint: Endpoint) -> float:
            patience_s = endpoint.hedge_after_s if hedge else PATIENCE_S
            return 0.0 if pair and endpoint is candidates[0] else patience_s

        outcomes = await race(candidates, ask, is_final, patience_s=patience_s)
        resting = [outcome.peer for outcome in outcomes if isinstance(outcome.error, MethodRests)]
        if resting and all(isinstance(outcome.error, ChainUnavailable) for outcome in outcomes):
            # Who is spared for failing at this is better than nobody.
            with even_failing_methods():
                outcomes += await race(resting, ask, is_final, patience_s=patience_s)
        return outcomes

    async def every(self, question: Question[Answer], *, soon: bool = False) -> list[tuple[str, Answer | BotError]]:
        """What each endpoint answered or raised, asked at the same time, as (name, answer) in order.

        Who is left alone counts as one that raised ChainUnavailable; so does, if `soon`, who is `SEND_GRACE_S` behind another.
        """
        return await self._all_at_once(question, is_answer if soon else never)

    async def all_until_taken(self, question: Question[Answer]) -> list[tuple[str, Answer | BotError]]:
        """As `every`, but once one endpoint has answered the others have `SEND_GRACE_S` to do so as well.

        For handing over bytes: who shows nothing may pass them on all the same.
        """

        async def once() -> list[tuple[str, Answer | BotError]]:
            return await self._all_at_once(question, is_answer, even_blind=True)

        def is_refused(told: list[tuple[str, Answer | BotError]]) -> bool:
            return all_refuse(one if isinstance(one, BotError) else None for _, one in told)

        return await through_rests(once, is_refused, self._rest_left_s)

    async def _all_at_once(
        self, question: Question[Answer], is_enough: Judge[Endpoint, Answer], *, even_blind: bool = False
    ) -> list[tuple[str, Answer | BotError]]:
        async def ask(endpoint: Endpoint) -> Answer:
            return await endpoint.ask(question)

        asked = self._candidates(even_blind=even_blind)
        with even_failing_methods():
            outcomes = await race(asked, ask, is_enough, patience_s=lambda _: 0.0, grace_s=SEND_GRACE_S)
        by_endpoint = {outcome.peer: outcome for outcome in outcomes}
        told: list[tuple[str, Answer | BotError]] = []
        for endpoint in self._endpoints:
            outcome = by_endpoint.get(endpoint)
            if outcome is None:
                late = ChainUnavailable(f"{endpoint.name}: no answer yet")
                told.append((endpoint.name, late if endpoint in asked else NotAsked(endpoint.why_not)))
            elif outcome.error is None:
                told.append((endpoint.name, cast(Answer, outcome.answer)))
            elif isinstance(outcome.error, BotError):
                told.append((endpoint.name, outcome.error))
            else:
                raise outcome.error
        return told


async def _slot_and_sight(client: RpcClient) -> int:
    """The probe of an endpoint that was blind."""
    await client.prove_sight()
    return await client.slot()
