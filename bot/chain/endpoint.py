"""One endpoint: whether it may be asked, how it fares, and room for exits among its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog
import trio

from bot.chain.allowance import Allowance, AllowanceRule, left_of_month_s, month_of
from bot.chain.breaker import Breaker, BreakerRule
from bot.chain.latencies import Latencies
from bot.chain.not_asked import MethodRests, NotAsked, OverBudget, asks_failing_methods
from bot.chain.rpc import RpcClient
from bot.chain.rpc_errors import (
    NODE_UNHEALTHY,
    EndpointBehind,
    EndpointBlind,
    MethodFailed,
    RpcFault,
    is_about_the_question,
    refuses_key,
)
from bot.chain.transport import RateLimited
from bot.clock import Clock
from bot.errors import BotError, ChainUnavailable
from bot.execution.lanes import exit_lane, in_exit_lane, may_exceed_budget
from bot.ports import EndpointHealth

Answer = TypeVar("Answer")
Question = Callable[[RpcClient], Awaitable[Answer]]

# A transport has 16 connections (`open_http_transport`); what is left of them is for exits and probes. Where calls share a
# request, as many times more are under way: a launch lets every user's entry ask at once.
ORDINARY_CALLS = 12
LANE_WAIT_S = 5.0  # in the order in which they came; whoever waits longer turns to the next endpoint, or hears so
PROBE_WITHIN_S = 2.0
GENESIS_EVERY_S = 30.0  # a provider may put another node behind a name at any time
REFUSED_EVERY_S = 2.0  # the same of one that serves another chain now
SPENT_PROBE_EVERY_S = 600.0  # how often one is asked how it fares whose month is used, as long as it fares well
DISTRUST_S = 60.0  # how long an endpoint that was caught in a lie is asked last

# How long an endpoint may be silent before the next one is asked beside it. The first answer counts.
PATIENCE_S = 0.25
# The same for reads that an exit waits for: the endpoint's own p95 within these bounds, and the second until that is known.
HEDGE_LEAST_S = 0.05
HEDGE_S = 0.1

# How much the newest call counts in the moving averages.
WEIGHT = 0.2
LATENCY_STEP_S = (
    0.02  # endpoints closer together than this count as equally fast, so that the order of the settings holds
)
ERROR_COST_S = 1.0  # an endpoint that always fails ranks with one that takes this much longer

log = structlog.get_logger()


class Endpoint:
    """Keeps the health of one endpoint. Until it has answered once it is not healthy, though it may be asked.

    `genesis` is the chain that it said it serves, None while it has not been asked. It is asked again after each time
    that the endpoint was away, and now and then.
    """

    def __init__(self, client: RpcClient, clock: Clock, breaker: BreakerRule, allowance: AllowanceRule) -> None:
        self.client = client
        self.allowance = Allowance(allowance)
        client.gate = self._let_through
        self.genesis: str | None = None
        self._genesis_told_at_s: float | None = None
        self._clock = clock
        self._breaker = Breaker(breaker)
        self._ordinary = trio.CapacityLimiter(ORDINARY_CALLS * client.at_once)
        self._latency_s: float | None = None
        self._latencies = Latencies()
        self._error_rate = 0.0
        self._answers = self._failures = 0
        self._healthy = False
        self._since_ms = clock.now_ms()
        self._detail = "not asked yet"
        self._refused = False
        self._failed_by_lag = False
        self._key_refused = False
        self._keys_used = 1
        self._distrusted_until_s = 0.0
        self._lie = ""

    def _let_through(self, method: str) -> None:
        """Raises NotAsked for a method that this endpoint may not be asked now; whoever asks turns to the next one."""
        if not_its_role := self.allowance.refuses(method):
            raise NotAsked(f"{self.name}: {not_its_role}")
        now_s, for_exit = trio.current_time(), may_exceed_budget()
        if rests := self.client.methods.refuses(method, now_s, anyway=asks_failing_methods()):
            raise MethodRests(f"{self.name}: {rests}")
        if over := self.allowance.take(now_s=now_s, month=self._month(), for_exit=for_exit):
            raise OverBudget(f"{self.name}: {over}")

    def _month(self) -> str:
        return month_of(self._clock.now_ms())

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} {'healthy' if self._healthy else self._detail}>"

    @property
    def name(self) -> str:
        return self.client.name

    @property
    def refused(self) -> bool:
        """It serves another chain and is asked nothing else until it serves ours."""
        return self._refused

    @property
    def is_distrusted(self) -> bool:
        """It said lately what others proved wrong."""
        return trio.current_time() < self._distrusted_until_s

    def distrust(self, lie: str) -> None:
        """Ask it last for `DISTRUST_S`; what it said wrong is shown."""
        if not self.is_distrusted:
            log.warning("endpoint_distrusted", endpoint=self.name, reason=lie)
        self._distrusted_until_s = trio.current_time() + DISTRUST_S
        self._lie = lie

    @property
    def admits(self) -> bool:
        """Whether its breaker lets a question through now."""
        return self._breaker.admits(trio.current_time())

    @property
    def is_trial(self) -> bool:
        """Whether the next question would be the one that finds out whether it has recovered."""
        return self._breaker.state(trio.current_time()) == "half_open"

    @property
    def asked_to_wait(self) -> bool:
        """Whether it wants to be left alone for its rate limit."""
        return self._breaker.must_wait(trio.current_time())

    @property
    def rests(self) -> bool:
        """The same, for an exit with nobody else to ask: it tries once in a while, however long it was asked to wait."""
        return self._breaker.must_rest(trio.current_time())

    @property
    def rest_left_s(self) -> float | None:
        """Seconds until such an exit may ask it; None where it does not rest."""
        return self._breaker.left_s(trio.current_time()) if self.rests else None

    @property
    def hedge_after_s(self) -> float:
        """How long an exit waits for this endpoint before it asks another one beside it."""
        p95_s = self._latencies.p95_s
        return HEDGE_S if p95_s is None else min(max(p95_s, HEDGE_LEAST_S), PATIENCE_S)

    @property
    def cost(self) -> int:
        """Lower is better to ask; steps of `LATENCY_STEP_S` of expected waiting, errors counted as waiting."""
        row = self._breaker.failures_in_row
        waiting_s = (self._latency_s or 0.0) + (self._error_rate + row) * ERROR_COST_S
        return int(waiting_s / LATENCY_STEP_S)

    @property
    def why_not(self) -> str:
        """Why it is not asked now, for an error that a person reads."""
        left_s = self._breaker.left_s(trio.current_time())
        if left_s == 0:
            return self._detail if self.name in self._detail else f"{self.name}: {self._detail}"
        return f"{self.name}: left alone for {left_s:.1f} s after: {self._detail.removeprefix(f'{self.name}: ')}"

    def set_breaker(self, rule: BreakerRule) -> None:
        """Follow another rule from the next failure on."""
        self._breaker.rule = rule

    def new_key(self) -> None:
        """It is asked with another key from now on, of which nothing is known yet, not even which chain that leads to."""
        self._breaker = Breaker(self._breaker.rule)
        self._keys_used += 1
        self._genesis_told_at_s = None
        self._key_refused = False
        self.client.methods.forget()

    @property
    def is_spent(self) -> bool:
        """Whether what is left of its month is for exits alone."""
        return bool(self.allowance.spent(self._month()))

    def steady_per_s(self) -> float | None:
        """Requests a second that all but exits may make for the rest of the month; None where there is no limit."""
        now_ms = self._clock.now_ms()
        return self.allowance.steady_per_s(month_of(now_ms), left_of_month_s(now_ms))

    def refuse(self, reason: str) -> None:
        """Ask it nothing but which chain it serves; the reason is shown."""
        self._refused = True
        self._turn(healthy=False, detail=reason)

    def accept(self) -> None:
        """It serves our chain again."""
        self._refused = False
        self._detail = "it serves our chain again and has not been asked yet"

    @property
    def is_genesis_due(self) -> bool:
        """Whether the next probe asks which chain it serves."""
        told_at_s, every_s = self._genesis_told_at_s, REFUSED_EVERY_S if self._refused else GENESIS_EVERY_S
        return told_at_s is None or trio.current_time() >= told_at_s + every_s

    async def ask_genesis(self) -> bool:
        """Ask which chain it serves; False when it did not say, and then what it said before stands."""
        told = await self.probe(RpcClient.genesis_hash, even_refused=True)
        if told is None:
            return False
        self.genesis, self._genesis_told_at_s = told, trio.current_time()
        return True

    def still(self, max_still_s: float) -> str:
        """That its slot stands still, as a sentence; empty while it moves. Who was not asked meanwhile is not blamed."""
        if self.client.still_s <= max_still_s:
            return ""
        return (
            f"its slot stands at {self.client.last_slot} for {self.client.still_s:.0f} s, {max_still_s:g} s are allowed"
        )

    def health(self, max_lag_slots: int, max_still_s: float) -> EndpointHealth:
        lag_slots = self.client.lag_slots
        lags = lag_slots is not None and lag_slots > max_lag_slots
        still = self.still(max_still_s)
        behind = lags or bool(still)
        detail = self._detail
        if still and (self._healthy or lags):
            detail = still
        elif lags:
            detail = f"{lag_slots} slots behind the best, {max_lag_slots} are allowed"
        elif self.client.blind:
            detail = self.client.why_blind
        elif self.is_distrusted and not detail:
            detail = self._lie
        now_s = trio.current_time()
        left_alone = self.client.methods.told(now_s)
        told = [detail, self.client.note(), self.allowance.told(now_s, self._month()), *left_alone]
        return EndpointHealth(
            name=self.name,
            healthy=self._healthy and not behind and not self.is_distrusted and not self.client.blind,
            since_ms=self._since_ms,
            slot=self.client.last_slot,
            detail="; ".join(part for part in told if part),
            methods_left_alone=left_alone,
            state=self._state(behind=behind),
            lag_slots=lag_slots,
            roles=tuple(sorted(self.allowance.rule.roles)),
            credit_left=self.allowance.left_this_month(),
            spent=self.is_spent,
            asked_this_month=self.allowance.used_this_month,
            breaker="refused" if self._refused else self._breaker.state(trio.current_time()),
            latency_ms=None if self._latency_s is None else round(self._latency_s * 1000),
            error_bps=round(self._error_rate * 10_000),
            answered=self._answers,
            failed=self._failures,
        )

    def _state(self, *, behind: bool) -> str:
        if self._refused:
            return "refused"
        if self.client.blind:
            return "blind"
        if self.asked_to_wait:
            return "resting"
        if not self._healthy and self._key_refused:
            return "unauthorized"
        if not self._healthy and not (behind and self._failed_by_lag):
            return "down"
        if behind:
            return "behind"
        return "distrusted" if self.is_distrusted else "up"

    async def ask(self, question: Question[Answer]) -> Answer:
        """Put a question to this endpoint and note how it fared; raises what the question raises, and NotAsked."""
        if in_exit_lane():  # exits pass
            return await self._asked(question)
        await self._take_place()
        try:
            return await self._asked(question)
        finally:
            self._ordinary.release()

    async def _take_place(self) -> None:
        """Ordinary calls queue for a share of the connections, and not for long; where nobody waits it is there at once."""
        with suppress(trio.WouldBlock):
            self._ordinary.acquire_nowait()
            return
        with trio.move_on_after(LANE_WAIT_S) as waiting:
            await self._ordinary.acquire()
        if waiting.cancelled_caught:
            raise NotAsked(f"{self.name}: {self._ordinary.total_tokens:g} calls are under way")

    async def _asked(self, question: Question[Answer]) -> Answer:
        # Others may have been quicker since this endpoint was chosen.
        if not self.admits and (self.rests or not in_exit_lane()):
            raise NotAsked(self.why_not)
        asked_at_s, key_number, breaker = trio.current_time(), self._keys_used, self._breaker
        is_trial = breaker.begin(asked_at_s)
        try:
            answer = await question(self.client)
        except NotAsked:
            raise
        except MethodFailed:
            self._failures += 1  # a question that failed, whatever it says of the endpoint
            raise
        except BotError as error:
            if key_number != self._keys_used:
                pass  # what became of the old key says nothing about the new one
            elif isinstance(error, ChainUnavailable) and not is_about_the_question(error):
                self._failed(error, is_trial=is_trial)
            else:
                self._answered(asked_at_s, is_trial=is_trial)
            raise
        except trio.Cancelled:
            self._overtaken(asked_at_s)
            raise
        finally:
            breaker.end(is_trial=is_trial)
        if key_number == self._keys_used:
            self._answered(asked_at_s, is_trial=is_trial)
        return answer

    def is_spared(self, max_lag_slots: int, max_still_s: float) -> bool:
        """Whether it need not be asked how it fares now: its month is used, and it fared well when it was heard last."""
        if not self.is_spent or self.asked_to_wait:
            return False
        heard_ago_s = trio.current_time() - self.client.heard_at_s
        return heard_ago_s < SPENT_PROBE_EVERY_S and self.health(max_lag_slots, max_still_s).healthy

    async def probe(self, question: Question[Answer], *, even_refused: bool = False) -> Answer | None:
        """Ask past the ordinary calls and past an open breaker; None when it failed or wants to be left alone.

        A probe that hangs ends after `PROBE_WITHIN_S` as a failure, so that one endpoint holds up no round of probes.
        """
        if (self._refused and not even_refused) or self.asked_to_wait:
            return None
        answer: Answer | None = None
        with exit_lane(), trio.move_on_after(PROBE_WITHIN_S) as scope:
            try:
                answer = await self.ask(question)
            except ChainUnavailable as error:
                log.debug("endpoint_probe_failed", endpoint=self.name, reason=str(error))
        if scope.cancelled_caught:
            self._failed(ChainUnavailable(f"{self.name}: no answer to a probe within {PROBE_WITHIN_S:g} s"))
        return answer

    def _answered(self, asked_at_s: float, *, is_trial: bool) -> None:
        took_s = trio.current_time() - asked_at_s
        self._latencies.add(took_s)
        self._latency_s = took_s if self._latency_s is None else _average(self._latency_s, took_s)
        self._error_rate = _average(self._error_rate, 0.0)
        self._answers += 1
        self._breaker.succeeded(is_trial=is_trial)
        if self._breaker.state(trio.current_time()) == "closed" and not self._refused:
            self._turn(healthy=True, detail="")

    def _overtaken(self, asked_at_s: float) -> None:
        """Given up before it answered: it is at least as slow as that, which shows only when it is more than was known."""
        waited_s = trio.current_time() - asked_at_s
        self._latencies.add(waited_s)
        if waited_s > (self._latency_s or 0.0):
            self._latency_s = waited_s

    def _failed(self, error: ChainUnavailable, *, is_trial: bool = False) -> None:
        now_s = trio.current_time()
        self._failed_by_lag = isinstance(error, EndpointBehind)
        self._key_refused = refuses_key(error)
        self._error_rate = _average(self._error_rate, 1.0)
        self._failures += 1
        if isinstance(error, RateLimited):
            self._breaker.asked_to_wait(now_s, error.wait_s)
        else:
            unfit = isinstance(error, EndpointBehind | EndpointBlind) or self._key_refused
            unfit = unfit or (isinstance(error, RpcFault) and error.code == NODE_UNHEALTHY)
            self._breaker.failed(now_s, is_trial=is_trial, at_once=unfit)
        if self._breaker.state(now_s) == "closed":
            self._detail = str(error)
        elif not self._refused:
            self._genesis_told_at_s = None
            self._turn(healthy=False, detail=str(error))

    def _turn(self, *, healthy: bool, detail: str) -> None:
        if healthy != self._healthy:
            self._since_ms = self._clock.now_ms()
            log.info("endpoint_turned", endpoint=self.name, healthy=healthy, detail=detail)
        self._healthy = healthy
        self._detail = detail


def _average(known: float, new: float) -> float:
    return known + WEIGHT * (new - known)
