"""The composition root: settings -> adapters -> actors -> tree, and the life of the process around them."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

import structlog
import trio

from actors.failure_policy import FailurePolicy, log_report
from actors.runtime import LoopWatchdog, Supervisor, loop_watchdog
from bot import control, liveness, routes, settings
from bot.adapters import Adapters
from bot.api_keys import ApiKeys, read_keys
from bot.away_news import AwayNews
from bot.chain.endpoints import Endpoints
from bot.chain.swaps import PumpWallets
from bot.chat_door import chat_of, chats_of, open_chat_service, telegram_messenger
from bot.clock import system_clock
from bot.compose import bind_cluster, known_people, market_rules, recording, scan_rule
from bot.config_verbs import config_verbs
from bot.config_watch import applier, keep_reading
from bot.console import Console, ConsoleMessenger
from bot.console_pictures import shelf_of
from bot.doctor import look_at_start
from bot.drawing_process import DrawingChild
from bot.execution.leadership import Leadership
from bot.execution.message_book import MessageBook
from bot.export_verbs import export_verbs
from bot.foundation import Foundation, foundation_of
from bot.garbage import collect_often
from bot.hand_over import HandOver
from bot.interpreter import tune_interpreter
from bot.key_age import KeyAge
from bot.key_verbs import key_verbs
from bot.left_on_disk import spooled_store
from bot.live_gates import pass_gates, policy_of
from bot.local_chain import refuse_taken_port
from bot.logged_exceptions import told_to
from bot.operator import Operator
from bot.panels import Panels
from bot.paths import control_socket
from bot.ports import Vault
from bot.profiles import (
    LIVE,
    cluster_name,
    key_ring,
    profile_of,
    real_cluster,
    refuse_other_modes,
    refuse_without_endpoints,
    registrar_of,
    signing_vault,
    speakers,
    traded_chain,
)
from bot.reminders import keep_reminders
from bot.runtime_config import RuntimeConfig, loaded_config
from bot.shutdown import CONNECTIONS, CONNECTIONS_MS, SERVERS, SERVERS_MS, STOP_WITHIN_S, OrderlyStop, open_tree
from bot.speech import endings, say
from bot.standby import Succession, left_on_disk
from bot.start import Options, locked, look_for_halt, one_error, open_log, read_options
from bot.start_door import DatabasePatience, StartDoor
from bot.status import StatusBoard
from bot.storage.address import DatabaseAddress
from bot.storage.halt_file import HaltFile
from bot.storage.lease import open_led_store
from bot.storage.spool import SpooledStore
from bot.storage.spool_journal import FileJournal
from bot.storage.store import PostgresStore
from bot.successor import Successor, take_successor
from bot.supervision.operator import SupervisionOperator
from bot.supervision.reload import SupervisionReload
from bot.supervision.sections import outage_rules
from bot.supervision.verbs import SupervisionVerbs
from bot.take_up import lease_keeper
from bot.telegram.gateway_pacing import PacedChat
from bot.tellers import open_dollars, open_social, open_tellers
from bot.tree import TradingBot
from bot.users import Registrar
from bot.vault_door import VaultDoor, open_vault_door
from bot.watching import Outside, Watchers, open_outside

log = structlog.get_logger()

SAME_SIGNAL_S = 1.0
HALT_FILE = "halt.json"
JOURNAL_FILE = "spool.journal"


def run(arguments: argparse.Namespace, directory: Path) -> int:
    """`bot run`; returns the exit code. Raises StartupError with its lines before anything was started."""
    say(f"trading-bot, profile {arguments.profile}, data in {directory}")
    successor = take_successor(os.environ)
    with nullcontext() if successor is None else successor.telling_why():
        options = _checked_options(arguments, directory, successor)
    if successor is not None:
        options = replace(options, manager=successor.wait())
    with locked(directory, waits=successor is not None):
        if options.settings.localnet.directory is None and profile_of(options.profile).is_local:
            refuse_taken_port(options.settings.localnet.port, options.settings.localnet.endpoints)
        look_for_halt(HaltFile(directory / HALT_FILE))
        FileJournal(directory / JOURNAL_FILE).records()
        open_log(options.settings.logs, directory)
        try:
            tune_interpreter()
            return trio.run(_main, options)
        except BaseExceptionGroup as group:
            raise one_error(group) from group


def _checked_options(arguments: argparse.Namespace, directory: Path, successor: Successor | None) -> Options:
    """What can be looked at before the directory is this process's. Raises StartupError."""
    options = read_options(arguments, directory)
    if arguments.profile == LIVE.name:
        for line in pass_gates(options, system_clock()):
            say(line)
    refuse_without_endpoints(profile_of(arguments.profile), options.settings.rpc)
    for line in settings.without_effect(os.environ):
        say(line)
    control_socket(directory)
    if successor is None:
        look_at_start(options, system_clock(), say)
    else:
        successor.look(options, system_clock(), say)
    return options


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
        left=left_on_disk(options.directory / HALT_FILE, options.directory / JOURNAL_FILE),
    )
    code = 0  # a start that was given up before there was anything to stop
    with trio.open_signal_receiver(*endings()) as signals:
        async with (
            trio.open_nursery() as nursery,
            loop_watchdog(liveness.LOOP_STALL_S, log_report, liveness.log_loop_stall) as loop,
        ):
            nursery.start_soon(_on_signals, signals, stop, nursery.cancel_scope)
            nursery.start_soon(collect_often)
            if options.manager is not None:
                asks = partial(liveness.ask_for_boot_time, is_followed=options.manager.is_followed)
                nursery.start_soon(asks, options.manager.tell, stop.up, lambda: door.line)
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
    clock, chosen, profile = system_clock(), options.settings, profile_of(options.profile)
    foundation = foundation_of(options, say, stop.noting(log_report))
    async with AsyncExitStack() as opened:
        enter = opened.enter_async_context
        opened.callback(stop.finished)
        opened.callback(stop.closed, SERVERS, SERVERS_MS)
        database = await enter(foundation.running())
        opened.callback(stop.closed, CONNECTIONS, CONNECTIONS_MS)
        patience = DatabasePatience(succession.door, clock, say)
        ring = key_ring(options, say)
        door = await enter(open_vault_door(options, ring, succession.leadership, foundation.supervisor))
        kept = await patience.through(lambda: enter(_led_store(door, succession, database)))
        opened.push_async_callback(lambda: succession.resign(stop.unwatched_s()))
        api_keys = read_keys(chosen, is_local=profile.is_local)
        await enter(_kept(succession, stop, api_keys))
        cluster = await foundation.chain() if profile.is_local else await real_cluster(chosen.rpc, api_keys)
        spooled = spooled_store(kept, options.directory / JOURNAL_FILE, await patience.through(succession.inherit))
        store = spooled.as_store
        post, endpoints = await enter(routes.pool(cluster, clock, options, api_keys))
        chain, engines, router = await enter(
            routes.chain(endpoints, clock, chosen, cluster, api_keys, sends=profile.sends)
        )
        vault = await _ready_books(options, spooled, cluster.genesis_hash, door, patience)
        terms = routes.stream_terms(endpoints, api_keys, profile.slot_ms(chosen.localnet))
        adapters = Adapters(
            store=store,
            chain=traded_chain(profile, chain, store, clock, chosen.paper),
            stream=routes.launch_stream(cluster, endpoints, chain, clock, chosen, terms=terms),
            history=PumpWallets(endpoints),
            vault=signing_vault(profile, vault, succession.leadership.check),
            clock=clock,
            spool=spooled,
            leadership=succession.leadership,
            engines=engines,
            pools=routes.pool_news(cluster.ws_urls, endpoints, chosen.rpc, terms),
            news=routes.chain_news(cluster.ws_urls, endpoints, chosen.rpc, terms),
            recording=await enter(recording(chosen.recorder, options.directory)),
            market_rules=market_rules(chosen),
            tellers=await enter(open_tellers(chosen, cluster, api_keys, clock)),
            social=await enter(open_social(chosen, cluster, api_keys, clock)),
            sol_price=await enter(open_dollars(chosen, cluster, api_keys)),
            router=router,
            wallet_news=routes.wallet_news(
                cluster, endpoints.newest_slot, chosen, terms=terms, is_local=profile.is_local
            ),
            scan_rule=scan_rule(chosen.tracking),
            event_reads=terms.reads,
            key_troubles=api_keys.troubles,
            vault_trouble=door.trouble,
            begin_drawing=DrawingChild,
        )
        registrar = registrar_of(profile, adapters, chain, post, chosen)
        for line in await patience.through(partial(known_people, registrar, chosen, is_local=profile.is_local)):
            say(line)
        return await _run_tree(
            options,
            adapters,
            registrar,
            foundation,
            cluster=cluster_name(profile, cluster.genesis_hash),
            endpoints=endpoints,
            succession=succession,
            chat_api=await enter(open_chat_service(chosen.telegram, api_keys)),
            outside=await enter(open_outside(api_keys, clock)),
            config=await patience.through(partial(loaded_config, store, clock, chosen)),
            stop=stop,
            loop=loop,
        )


@asynccontextmanager
async def _kept(succession: Succession, stop: OrderlyStop, api_keys: ApiKeys) -> AsyncIterator[None]:
    """The lease is renewed until the tree does it, and the files of keys are looked after."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(succession.keep, stop.up)
        nursery.start_soon(api_keys.keep)
        yield
        nursery.cancel_scope.cancel()


def _led_store(
    door: VaultDoor, succession: Succession, database: DatabaseAddress
) -> AbstractAsyncContextManager[PostgresStore]:
    """The store, once this process leads. One that has to wait is asked first whether it could open the wallets."""
    return open_led_store(database, lambda store, leases: succession.lead(leases, partial(door.fit, store)))


async def _ready_books(
    options: Options, spooled: SpooledStore, genesis_hash: str, door: VaultDoor, patience: DatabasePatience
) -> Vault:
    """Bind the books to their chain, carry out what the journal holds, and prove that the wallets open."""
    store = spooled.as_store
    await patience.through(partial(bind_cluster, store, genesis_hash, options.directory))
    await patience.through(partial(refuse_other_modes, store, profile_of(options.profile)))
    await patience.through(spooled.catch_up)
    return await patience.through(partial(door.open, store))


async def _run_tree(
    options: Options,
    adapters: Adapters,
    registrar: Registrar,
    foundation: Foundation,
    *,
    cluster: str,
    endpoints: Endpoints,
    succession: Succession,
    chat_api: PacedChat | None,
    outside: Outside,
    config: RuntimeConfig,
    stop: OrderlyStop,
    loop: LoopWatchdog,
) -> int:
    store, clock, profile = adapters.store, adapters.clock, profile_of(options.profile)
    messenger = ConsoleMessenger(say)
    book = MessageBook(store, clock)
    bot = TradingBot(
        adapters,
        policy_of(replace(options, settings=config.current), clock, say),
        options.supervision,
        options.settings.trading.observe_s,
        messenger if chat_api is None else telegram_messenger(chat_api, messenger, book, store),
        outage_rules(options.supervision),
        HaltFile(options.directory / HALT_FILE),
        outside.alarm(say, chat_api, options.settings.telegram.operator_chat_id, options.settings.alerts),
    )
    shared = None if succession.alone else succession.leadership
    board = StatusBoard(bot, mode=profile.mode, cluster=cluster, foundation=foundation.supervisor, leadership=shared)
    chat = chat_of(bot, board, registrar, profile.modes, config)
    shelf = shelf_of(bot.market.drawer, options.directory)
    console = Console(store, clock, chat, messenger, speakers(profile, options.settings.telegram), shelf)
    panels = Panels(bot, profile.mode)
    by_hand = SupervisionVerbs(bot, lambda: foundation.supervisor)
    supervision = SupervisionOperator(board, by_hand, SupervisionReload(bot, options.profile, endpoints.set_breaker))
    config.apply = applier(bot.policy, options, clock)
    config.apply(config.current)
    age = KeyAge(options.directory, clock)
    imported = key_verbs(registrar, age, bot.hunt.tracking_changed)
    watched = partial(liveness.watched, bot)
    asked, given = stop.asked.is_set, partial(_given_away, succession, stop)
    handing = HandOver(options.manager, store, clock, watched, lambda: succession.gap_ms, asked, given)
    further = {**imported, **export_verbs(store, clock), **config_verbs(config, options.config_name), **handing.verbs()}
    operator = Operator(bot, board, panels, foundation.server, supervision, further)
    server = control.ControlServer(control_socket(options.directory), operator.answer, console.open)
    chats = chats_of(bot, chat_api, chat, book)
    failures = bot.failures
    watchers = Watchers(bot, board, panels, loop, options=options, outside=outside, stop=stop)
    lease = lease_keeper(bot, succession.leadership, succession.leases)
    async with open_tree(
        bot.spec(server.serve, chats, watchers.starts(lease.run)), stop.noting(failures.report)
    ) as root:
        await bot.began(root)
        stop.up.set()
        say(f"running; try `bot status`, `bot supervisor status` and `bot chat` with --data-dir {options.directory}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tell_absence, succession, bot)
            nursery.start_soon(keep_reading, config, options, bot.alerts.tell)
            nursery.start_soon(keep_reminders, options, age, adapters.vault, bot.alerts.tell)
            with told_to(bot.alerts.tell):
                ended = await _first(stop.asked, failures, succession.leadership, root, foundation.supervisor)
            nursery.cancel_scope.cancel()
        if ended is not None:
            say(f"stopping, because {ended}; see the log")
        if succession.leadership.over.is_set():
            stop.hurried.set()  # nothing that is still done here could be written
        await stop.stop_tree(root, bot)
    # Systemd looks at the code of one that handed over only where the other was not there to become its unit's main process.
    return 1 if ended is not None or succession.handed_over else 0


def _given_away(succession: Succession, stop: OrderlyStop) -> None:
    """Another process is ready: it takes lease and orders on their way, and nothing waits in between."""
    succession.hand_over()
    stop.follows = False


async def _tell_absence(succession: Succession, bot: TradingBot) -> None:
    """Who leads now and for how long nobody did, once positions are watched again."""
    news = AwayNews(bot.adapters.store, bot.adapters.clock, bot.guard.causes)
    held = await news.held()
    gap_ms = await succession.tell_takeover(lambda: liveness.watched(bot) is not None, bot.alerts.tell)
    if gap_ms is not None and succession.leadership.lease is not None:
        await news.tell(held, gap_ms, succession.leadership.lease.epoch)


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
