"""The desk: it finds the executor of a request, starts it on demand, and turns its troubles into refusals."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace

import structlog
import trio

from actors.executor import Again, Close, Executor, Trade, Withdraw
from actors.runtime import (
    ActorDead,
    ActorFailed,
    AlreadyStarted,
    ChildSpec,
    InitFailed,
    MailboxFull,
    MaxChildren,
    NotFound,
    Supervisor,
    SupervisorError,
)
from bot.errors import ChainUnavailable, Unavailable
from bot.execution.closings import Closings
from bot.execution.hours import Asked
from bot.execution.lanes import executor_of, exit_lane
from bot.execution.look_ahead import LookAhead
from bot.execution.pipeline import Pipeline
from bot.execution.withdrawals import Withdrawals
from bot.ports import Preview, Snipe, Submitted, UserStore, Wallet
from bot.trading.failures import order_failure
from bot.trading.intent import FORESEEN, Context, Intent, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.risk_gate import Refused

log = structlog.get_logger()

NOTHING_DONE = "; nothing was done"
NOT_KNOWN = (
    "nothing was done now, and whether it was done before, if you sent it before, is not known: see /orders later"
)
LEAVES = frozenset({Side.SELL, Side.WITHDRAW})  # what is served elsewhere while its own executor is out of order
TURN_S = 30.0  # the longest wait for a wallet's turn and for its bytes to leave
EXECUTORS_KEPT = (
    10_000  # those beyond it that have had nothing to do for IDLE_S end, well before there is room for no other
)
ENDED_FOR_ONE = 2  # of those at most, before one begins
IDLE_S = 600.0  # longer than the longest turn, so that nobody is ended who is still at work for one who gave up waiting


@dataclass(slots=True)
class ExecutorDesk:
    """Implements `bot.ports.Desk` and `SnipeDesk`. `executors` gives the running dynamic supervisor, `child` its child's spec.

    A wallet whose own executor is quarantined buys nothing; exits whose executor is are served below `rescue`.
    """

    store: UserStore
    pipeline: Pipeline
    closings: Closings
    withdrawals: Withdrawals
    executors: Callable[[], Supervisor]
    rescue: Callable[[], Supervisor]
    child: Callable[[str, Executor], ChildSpec]
    asked: Asked = field(default_factory=Asked)
    _closed: set[str] = field(default_factory=set)
    _wallets: dict[str, Wallet] = field(default_factory=dict)
    _under_way: Counter[str] = field(default_factory=Counter)  # turns, by executor
    _last_s: OrderedDict[str, float] = field(default_factory=OrderedDict)  # when each was asked for, the latest last
    _ending: dict[str, trio.Event] = field(default_factory=dict)

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Submitted | Refused:
        """One turn of an executor of the wallet: a sale waits for no buy, and for few others (see `lanes.executor_of`).

        What a pause refuses takes no turn and asks nobody, so that no flood of entries delays an exit.
        """
        if refused := self.pipeline.refused_now(request):
            await trio.lowlevel.checkpoint()
            return await self._unless_known(request, refused)
        return self.asked.noted(request, await self._turn(request, Trade(request, rung)))

    async def snipe(self, request: TradeRequest, snipe: Snipe) -> Submitted | Refused:
        """The same for a sniper, whose run is written with the intent."""
        if refused := self.pipeline.refused_now(request):
            await trio.lowlevel.checkpoint()
            return refused
        return self.asked.noted(request, await self._turn(request, Trade(request, FIRST_RUNG, snipe)))

    async def again(self, intent: Intent, rung: Rung) -> Submitted | Refused:
        """A turn of the same executor, so that a token never has two signers of its sales."""
        return await self._turn(intent.request, Again(intent, rung))

    async def close(self, request: TradeRequest) -> Submitted | Refused:
        """A turn behind whatever waits for this wallet, for accounts that nobody waits for."""
        if refused := self.closings.refused_now(request):
            await trio.lowlevel.checkpoint()
            return refused
        return await self._turn(request, Close(request))

    async def withdraw(self, request: TradeRequest, code: str) -> Submitted | Refused:
        """A turn of the wallet's executor for SOL that its user sends out; no pause keeps it out, only a freeze does."""
        if refused := self.withdrawals.refused_now(request):
            await trio.lowlevel.checkpoint()
            return await self._unless_known(request, refused)
        return await self._turn(request, Withdraw(request, code))

    async def _unless_known(self, request: TradeRequest, refused: Refused) -> Submitted | Refused:
        """A refusal; of an order by hand that was given before, what it has become.

        A command is done again where a kill came between its effect and its mark: whoever hears then that nothing was done gives
        his order once more, and has it twice. Where nobody can look now, what is said leaves that open.
        """
        if request.context is Context.MANUAL_COMMAND:
            try:
                known = await self.pipeline.store.intent_of(request.key)
            except Unavailable:
                return replace(refused, reason=f"{refused.reason.removesuffix(NOTHING_DONE)}; {NOT_KNOWN}")
            if known is not None and known.state is not IntentState.PLANNED:
                return Submitted(known, f"this order exists already and is {known.state}")
        return refused

    async def _turn(self, request: TradeRequest, message: Trade | Again | Close | Withdraw) -> Submitted | Refused:
        try:
            wallet = await self._wallet_of(request)
            supervisor = self.executors()
        except Unavailable as error:
            return await self._unless_known(request, Refused("unavailable", f"{error}{NOTHING_DONE}"))
        executor_id = executor_of(request)
        if executor_id in self._closed:
            return Refused("busy", "this wallet's orders are being taken up anew; try again in a moment")
        try:
            async with self._at_work(executor_id):
                if request.side in LEAVES and supervisor.state_of(executor_id) == "quarantined":
                    supervisor = self.rescue()
                await self._ensure(supervisor, executor_id, wallet)
                answer = await supervisor.ref(executor_id).ask(message, timeout_s=TURN_S)
        except (MailboxFull, MaxChildren, InitFailed) as error:
            return Refused("busy", f"too many orders are waiting ({error}); try again in a moment")
        except SupervisorError as error:
            # Whoever signs for this wallet is being started again, by an operator or by supervision; nobody took the order.
            return Refused(
                "unavailable", f"this wallet's orders are taken up again in a moment ({error}){NOTHING_DONE}"
            )
        except (ActorFailed, ActorDead, trio.TooSlowError) as error:
            log.warning("executor_lost", executor=executor_id, key=request.key, reason=repr(error))
            return Refused(
                "unknown", "the order was interrupted; /positions shows what became of it, do not repeat it before"
            )
        assert isinstance(answer, Submitted | Refused)
        return answer

    async def _wallet_of(self, request: TradeRequest) -> Wallet:
        """A wallet never changes: that of an exit, a snipe or a copy is asked for once.

        Other entries ask each time, while nothing has begun yet.
        """
        known = self._wallets.get(request.wallet_id)
        waits = request.side is Side.SELL or request.context in FORESEEN
        if known is not None and known.user_id == request.user_id and waits:
            return known
        wallets = {wallet.id: wallet for wallet in await self.store.wallets(request.user_id)}
        self._wallets[request.wallet_id] = wallets[request.wallet_id]
        return wallets[request.wallet_id]

    async def preview(self, request: TradeRequest) -> Preview | Refused:
        """A look ahead takes no turn of the wallet: what it says holds for its moment, the order is judged again."""
        try:
            wallets = {wallet.id: wallet for wallet in await self.store.wallets(request.user_id)}
            with exit_lane() if request.side is Side.SELL else nullcontext():
                return await LookAhead(self.pipeline).preview(request, wallets[request.wallet_id])
        except ChainUnavailable as error:
            log.warning("preview_without_route", mint=request.mint, reason=str(error))
            return Refused("unavailable", order_failure(error))
        except Unavailable as error:
            return Refused("unavailable", f"{error}{NOTHING_DONE}")

    @asynccontextmanager
    async def replacing(self, executor_id: str) -> AsyncIterator[None]:
        """Within this an executor may be started again by hand: nobody else signs in its place, and none is started.

        The one below `rescue` that served its exits meanwhile finishes what it holds and is joined before.
        """
        self._closed.add(executor_id)
        try:
            rescue = self.rescue()
            if rescue.state_of(executor_id) is not None:
                with suppress(NotFound):  # it ended by itself meanwhile
                    await rescue.terminate_child(executor_id, mode="drain")
            yield
        finally:
            self._closed.discard(executor_id)

    async def _ensure(self, supervisor: Supervisor, executor_id: str, wallet: Wallet) -> None:
        if supervisor.state_of(executor_id) is not None:
            return
        await self._make_room(supervisor)
        try:
            await supervisor.start_child(
                self.child(executor_id, Executor(wallet, self.pipeline, self.closings, self.withdrawals))
            )
        except AlreadyStarted:
            return

    @asynccontextmanager
    async def _at_work(self, executor_id: str) -> AsyncIterator[None]:
        """Within this nobody ends the executor for having nothing to do; one that is just ending is waited for."""
        while (ending := self._ending.get(executor_id)) is not None:
            await ending.wait()
        self._under_way[executor_id] += 1
        self._last_s[executor_id] = trio.current_time()
        self._last_s.move_to_end(executor_id)
        try:
            yield
        finally:
            self._under_way[executor_id] -= 1
            if not self._under_way[executor_id]:
                del self._under_way[executor_id]

    async def _make_room(self, supervisor: Supervisor) -> None:
        """Before another one begins: the executors that nobody asked for longest end, where there are many.

        A wallet that trades has one for its purchases and some dozens for its sales, which would stay for good. More end than
        begin, so that a crowd that came once leaves no more behind than there were before it.
        """
        for _ in range(ENDED_FOR_ONE):
            if len(self._last_s) <= EXECUTORS_KEPT:
                return
            idle_id, last_s = next(iter(self._last_s.items()))
            if idle_id in self._under_way or trio.current_time() < last_s + IDLE_S:
                return
            del self._last_s[idle_id]
            await self._end(supervisor, idle_id)

    async def _end(self, supervisor: Supervisor, idle_id: str) -> None:
        """End an executor; who asks for it meanwhile waits for that."""
        if idle_id in self._closed or supervisor.state_of(idle_id) != "running":
            return
        ended = self._ending[idle_id] = trio.Event()
        try:
            with suppress(SupervisorError):  # it ended by itself meanwhile, or all of them are being stopped
                await supervisor.terminate_child(idle_id, mode="drain")
        finally:
            del self._ending[idle_id]
            ended.set()
