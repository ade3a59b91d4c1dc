"""The composition root: settings -> adapters -> actors -> tree, and the life of the process around them."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from math import inf
from pathlib import Path

import structlog
import trio

from actors.failure_policy import FailurePolicy, log_report
from actors.lease_keeper import LeaseKeeper
from actors.runtime import (
    InitFailed,
    LoopWatchdog,
    SupervisionError,
    Supervisor,
    loop_watchdog,
    open_supervisor,
)
from actors.status_keeper import StatusKeeper
from actors.systemd_notifier import SystemdNotifier
from bot import control, keys, liveness, routes, settings
from bot.alarm import Alarm
from bot.chain.batches import open_transport
from bot.chain.block_engines import open_engines
from bot.chain.endpoints import Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.swaps import PumpWallets
from bot.clock import system_clock
from bot.compose import bind_cluster, demo_users, engine_rates, fund, new_user_settings, policy, telegram_token
from bot.console import Console, ConsoleMessenger
from bot.errors import BotError, StartupError
from bot.execution.leadership import Leadership
from bot.foundation import Foundation
from bot.garbage import relax_collector
from bot.local_chain import refuse_taken_port
from bot.operator import Operator
from bot.panels import Panels
from bot.paths import control_socket
from bot.ports import ChatApi
from bot.shutdown import CONNECTIONS, CONNECTIONS_MS, SERVERS, SERVERS_MS, STOP_WITHIN_S, OrderlyStop
from bot.standby import Succession
from bot.start import Options, locked, open_log, read_options, refuse_profile
from bot.start_door import DatabasePatience, StartDoor
from bot.status import StatusBoard
from bot.storage.address import DatabaseAddress
from bot.storage.halt_file import HaltFile
from bot.storage.lease import open_led_store
from bot.storage.spool import SpooledStore
from bot.storage.spool_journal import FileJournal
from bot.storage.store import PostgresStore
from bot.supervision_operator import SupervisionOperator
from bot.supervision_reload import SupervisionReload
from bot.supervision_sections import outage_rules
from bot.supervision_verbs import SupervisionVerbs
from bot.systemd import ServiceManager
from bot.telegram.gateway_door import TelegramDoor, TelegramMessenger
from bot.telegram.gateway_pacing import PacedChat
from bot.telegram.handlers import (
    AccountHandlers,
    PreferenceHandlers,
    TradeHandlers,
    WatchingHandlers,
    make_chat,
)
from bot.trading.intent import Mode
from bot.tree import Adapters, Chats, TradingBot
from bot.users import Registrar
from bot.vault.local_vault import LocalVault

log = structlog.get_logger()

SAME_SIGNAL_S = 1.0
HALT_FILE = "halt.json"
JOURNAL_FILE = "spool.journal"


def run(arguments: argparse.Namespace, directory: Path) -> int:
    """`bot run`; returns the exit code. Raises StartupError with its lines before anything was started."""
    say(f"trading-bot, profile {arguments.profile}, data in {directory}")
    refuse_profile(arguments.profile)
    options = read_options(arguments, directory)
    for line in settings.without_effect(os.environ):
        say(line)
    control_socket(directory)
    with locked(directory):
        if options.settings.localnet.directory is None:
            refuse_taken_port(options.settings.localnet.port, options.settings.localnet.endpoints)
        _look_for_halt(HaltFile(directory / HALT_FILE))
        FileJournal(directory / JOURNAL_FILE).records()
        open_log(options.settings.logs.level, directory)
        try:
            relax_collector()
            return trio.run(_main, options)
        except BaseExceptionGroup as group:
            raise _one_error(group) from group


def say(line: str) -> None:
    """One line for whoever looks at the console."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - nobody reads us any more


def _one_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show for a group: the first of ours, else the group itself."""
    for error in group.exceptions:
        found = _one_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, BotError | KeyboardInterrupt):
            return found
        if isinstance(found, InitFailed) and isinstance(found.cause, BotError):
            return found.cause
        if isinstance(found, InitFailed) and isinstance(found.cause, OSError):
            return StartupError(f"{found.child} cannot start: {found.cause}; put it right, or give another --data-dir")
        if isinstance(found, SupervisionError):
            return StartupError(str(found))
    return group


def _look_for_halt(file: HaltFile) -> None:
    """Refuse to start on a halt that cannot be read, and make sure that the next one can be written."""
    file.kept()
    try:
        file.reserve()
    except OSError as error:
        raise StartupError(
            f"{error.filename}: cannot be written: {error.strerror}; a halt must be kept there"
        ) from None


async def _main(options: Options) -> int:
    stop = OrderlyStop(say)
    door = StartDoor(options.directory)
    succession = Succession(
        directory=options.directory,
        leadership=Leadership(system_clock()),
        alone=options.settings.database.url is None,
        own_chain=options.settings.localnet.directory is None,
        door=door,
        say=say,
    )
    code = 0  # a start that was given up before there was anything to stop
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with (
            trio.open_nursery() as nursery,
            loop_watchdog(liveness.LOOP_STALL_S, log_report, liveness.log_loop_stall) as loop,
        ):
            nursery.start_soon(_on_signals, signals, stop, nursery.cancel_scope)
            if options.manager is not None:
                nursery.start_soon(liveness.ask_for_boot_time, options.manager.tell, stop.up, lambda: door.line)
            nursery.start_soon(door.serve)
            code = await _serve(options, succession, stop, loop)
            nursery.cancel_scope.cancel()
    return code


async def _on_signals(signals: AsyncIterator[int], stop: OrderlyStop, everything: trio.CancelScope) -> None:
    """The first signal asks for an orderly stop within `STOP_WITHIN_S`; a later one does not wait for it.

    While the bot still starts there is nothing to put in order, and the start is given up at once. A signal that comes
    twice at once is one: timeout(1) and its like send it to the process and to its group.
    """
    asked_at_s = inf
    async for number in signals:
        name = signal.Signals(number).name
        if not stop.asked.is_set():
            say(f"{name}: no new entries; positions stay and are taken up at the next start")
            asked_at_s = trio.current_time()
            everything.deadline = asked_at_s + STOP_WITHIN_S
            stop.asked.set()
        elif trio.current_time() - asked_at_s > SAME_SIGNAL_S:
            say(f"{name}: stopping at once")
            stop.hurried.set()
        if not stop.up.is_set():
            everything.cancel()


async def _serve(options: Options, succession: Succession, stop: OrderlyStop, loop: LoopWatchdog) -> int:
    """Open every adapter in its order, run the tree until asked to stop, and close everything in reverse."""
    clock = system_clock()
    chosen = options.settings
    url = chosen.database.url
    foundation = Foundation(
        directory=options.directory,
        database_url=url.get_secret_value() if url else None,
        localnet=chosen.localnet,
        market=options.market,
        speed=options.speed,
        say=say,
        report=stop.noting(log_report),
    )
    async with AsyncExitStack() as opened:
        opened.callback(stop.finished)
        opened.callback(stop.closed, SERVERS, SERVERS_MS)
        database = await opened.enter_async_context(foundation.running())
        opened.callback(stop.closed, CONNECTIONS, CONNECTIONS_MS)
        patience = DatabasePatience(succession.door, clock, say)
        kept = await patience.through(lambda: opened.enter_async_context(_led_store(options, succession, database)))
        opened.push_async_callback(lambda: succession.resign(stop.unwatched_s()))
        keeping = await opened.enter_async_context(trio.open_nursery())
        keeping.start_soon(succession.keep, stop.up)
        local_chain = await foundation.chain()
        spooled = SpooledStore(kept, FileJournal(options.directory / JOURNAL_FILE))
        store = spooled.as_store
        urls = local_chain.http_urls
        transports = [
            await opened.enter_async_context(open_transport(url, batch=batch))
            for url, batch in zip(urls, routes.batches(chosen.rpc, len(urls)), strict=True)
        ]
        endpoints = await opened.enter_async_context(routes.pool(transports, local_chain.genesis_hash, clock, options))
        engines = await opened.enter_async_context(open_engines(engine_rates(chosen, local_chain.engine_url), clock))
        chain = PumpChain(endpoints, engines)
        vault = await _ready_books(options, spooled, local_chain.genesis_hash, succession, patience)
        adapters = Adapters(
            store=store,
            chain=chain,
            stream=routes.launch_stream(local_chain.ws_urls, chain, clock, chosen.localnet.slot_ms, chosen.rpc),
            history=PumpWallets(endpoints),
            vault=vault,
            clock=clock,
            spool=spooled,
            engines=engines,
            pools=routes.pool_news(local_chain.ws_urls, chosen.rpc),
        )
        registrar = Registrar(
            store,
            adapters.vault,
            clock,
            Mode.LIVE,
            partial(fund, chain, transports[0].post, settings.lamports(chosen.localnet.demo_fund_sol)),
            new_user_settings(chosen),
        )
        for line in await patience.through(partial(demo_users, registrar, chosen)):
            say(line)
        chat_api = await opened.enter_async_context(_telegram(chosen.telegram))
        return await _run_tree(
            options,
            adapters,
            registrar,
            foundation,
            endpoints=endpoints,
            succession=succession,
            chat_api=chat_api,
            stop=stop,
            loop=loop,
        )


def _led_store(
    options: Options, succession: Succession, database: DatabaseAddress
) -> AbstractAsyncContextManager[PostgresStore]:
    """The store, once this process leads. One that has to wait is asked first whether it could open the wallets."""
    file = options.settings.wallets.master_key_file
    fit = partial(keys.open_wallets, file=file, directory=options.directory, say=say)
    return open_led_store(database, lambda store, leases: succession.lead(leases, partial(fit, store)))


async def _ready_books(
    options: Options, spooled: SpooledStore, genesis_hash: str, succession: Succession, patience: DatabasePatience
) -> LocalVault:
    """Bind the books to their chain, carry out what the journal holds, and prove that the wallets open."""
    store, file = spooled.as_store, options.settings.wallets.master_key_file
    await patience.through(partial(bind_cluster, store, genesis_hash, options.directory))
    await patience.through(spooled.catch_up)
    master_key = await patience.through(partial(keys.master_key, store, file, options.directory, say))
    vault = LocalVault(master_key, succession.leadership.check)
    await patience.through(partial(keys.prove, store, vault, master_key))
    return vault


@asynccontextmanager
async def _telegram(chosen: settings.Telegram) -> AsyncIterator[ChatApi | None]:
    """The chat service, None without a token. The library behind it is loaded only when there is one."""
    token = telegram_token(chosen)
    if token is None:
        yield None
        return
    from bot.telegram.client import open_telegram

    async with open_telegram(token, base_url=chosen.base_url) as client:
        yield PacedChat(client)


async def _run_tree(
    options: Options,
    adapters: Adapters,
    registrar: Registrar,
    foundation: Foundation,
    *,
    endpoints: Endpoints,
    succession: Succession,
    chat_api: ChatApi | None,
    stop: OrderlyStop,
    loop: LoopWatchdog,
) -> int:
    store, clock = adapters.store, adapters.clock
    messenger = ConsoleMessenger(say)
    bot = TradingBot(
        adapters,
        policy(options.settings),
        options.supervision,
        options.settings.trading.observe_s,
        messenger if chat_api is None else TelegramMessenger(chat_api, messenger),
        outage_rules(options.supervision),
        HaltFile(options.directory / HALT_FILE),
        Alarm(say, chat_api, options.settings.telegram.operator_chat_id),
    )
    shared = None if succession.alone else succession.leadership
    board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=foundation.supervisor, leadership=shared)
    chat = make_chat(
        AccountHandlers(store, adapters.chain, clock, registrar.register, bot.hunt.sniper_changed, board.words.line),
        TradeHandlers(store, adapters.chain, bot.desk, clock, bot.panic, bot.hunt.sniper_changed, board.words),
        PreferenceHandlers(store, clock, bot.guard, bot.hunt.sniper_changed, bot.policy.ceilings),
        WatchingHandlers(store, adapters.chain, clock, bot.hunt.tracking_changed),
    )
    console = Console(store, clock, chat, messenger)
    panels = Panels(bot, Mode.LIVE)
    keeper = StatusKeeper((board.facts, panels.details), panels.lag)
    by_hand = SupervisionVerbs(bot, lambda: foundation.supervisor)
    supervision = SupervisionOperator(board, by_hand, SupervisionReload(bot, options.profile, endpoints.set_breaker))
    operator = Operator(bot, board, panels, foundation.server, supervision)
    server = control.ControlServer(control_socket(options.directory), operator.answer, console.open)
    chats = None if chat_api is None else Chats(chat_api, TelegramDoor(store, chat))
    failures = bot.failures
    notifier = _notifier(options.manager, bot, stop, loop)
    lease = LeaseKeeper(succession.leadership, succession.leases)
    async with open_supervisor(
        bot.spec(server.serve, chats, notifier.run, keeper.run, lease.run), report=stop.noting(failures.report)
    ) as root:
        await bot.began(root)
        stop.up.set()
        say(f"running; try `bot status`, `bot supervisor status` and `bot chat` with --data-dir {options.directory}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(succession.tell_takeover, lambda: bot.reconciler.reconciled, bot.alerts.tell)
            ended = await _first(stop.asked, failures, succession.leadership, root, foundation.supervisor)
            nursery.cancel_scope.cancel()
        if ended is not None:
            say(f"stopping, because {ended}; see the log")
        if succession.leadership.over.is_set():
            stop.hurried.set()  # nothing that is still done here could be written
        await stop.stop_tree(root, bot)
    return 0 if ended is None else 1


def _notifier(
    manager: ServiceManager | None, bot: TradingBot, stop: OrderlyStop, loop: LoopWatchdog
) -> SystemdNotifier:
    return SystemdNotifier(
        tell=None if manager is None else manager.tell,
        line=lambda: stop.line or liveness.status_line(bot),
        booted=lambda: liveness.has_booted(bot),
        hung=lambda: liveness.hung(bot, loop),
        stopping=stop.asked,
        watchdog_s=None if manager is None else manager.watchdog_s,
    )


async def _first(stop: trio.Event, failures: FailurePolicy, leadership: Leadership, *trees: Supervisor) -> str | None:
    """Wait for the order to stop (None), or for what makes going on pointless (why)."""
    reasons: list[str] = []
    async with trio.open_nursery() as nursery:

        async def watch(tree: Supervisor) -> None:
            reasons.append(f"{tree.path} ended: {(await tree.wait()).reason}")
            nursery.cancel_scope.cancel()

        async def watch_failures() -> None:
            await failures.ends.wait()
            reasons.append(f"{failures.path} is used up; the halt is latched")
            nursery.cancel_scope.cancel()

        async def watch_leadership() -> None:
            await leadership.over.wait()
            reasons.append(leadership.why)
            nursery.cancel_scope.cancel()

        for tree in trees:
            nursery.start_soon(watch, tree)
        nursery.start_soon(watch_leadership)
        nursery.start_soon(watch_failures)
        await stop.wait()
        nursery.cancel_scope.cancel()
    return reasons[0] if reasons else None
