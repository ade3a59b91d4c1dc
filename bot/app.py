"""The composition root: settings -> adapters -> actors -> tree, and the life of the process around them."""

from __future__ import annotations

import argparse
import fcntl
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
import trio

from actors.runtime import (
    InitFailed,
    Report,
    Supervision,
    SupervisionError,
    Supervisor,
    load_supervision,
    open_supervisor,
)
from actors.status_keeper import StatusKeeper
from bot import control, keys, logs, settings
from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import WebSocketSubscriptions
from bot.chain.swaps import PumpWallets
from bot.chain.transport import open_http_transport
from bot.clock import Clock, system_clock
from bot.compose import bind_cluster, demo_users, fund, new_user_settings, outage_rules, policy, telegram_token
from bot.console import Console, ConsoleMessenger
from bot.errors import BotError, StartupError
from bot.foundation import Foundation
from bot.local_chain import refuse_taken_port
from bot.operator import Operator
from bot.panels import Panels
from bot.paths import control_socket
from bot.ports import ChatApi
from bot.status import StatusBoard
from bot.storage.halt_file import HaltFile
from bot.storage.store import open_store
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
from bot.trading.trading_state import Halt
from bot.tree import Adapters, Chats, TradingBot
from bot.users import Registrar
from bot.vault.local_vault import LocalVault

log = structlog.get_logger()

RPC_DEADLINE_S = 2.5
STOP_WITHIN_S = 9.0
HALT_FILE = "halt.json"


@dataclass(frozen=True, slots=True)
class Options:
    """One start of the bot: what the command line and the settings file ask for."""

    directory: Path
    settings: settings.Settings
    supervision: Supervision
    market: Path | None
    speed: float


def run(arguments: argparse.Namespace, directory: Path) -> int:
    """`bot run`; returns the exit code. Raises StartupError with its lines before anything was started."""
    say(f"trading-bot, profile {arguments.profile}, data in {directory}")
    _refuse_profile(arguments.profile)
    options = _options(arguments, directory)
    for line in settings.without_effect(os.environ):
        say(line)
    with _locked(directory):
        refuse_taken_port(options.settings.localnet.port, options.settings.localnet.endpoints)
        HaltFile(directory / HALT_FILE).kept()
        _open_log(options.settings.logs.level, directory)
        try:
            # Most of what the bot makes lives for one message or for ever; the default thresholds look at it all too often.
            gc.set_threshold(50_000, 20, 100)
            return trio.run(_main, options)
        except BaseExceptionGroup as group:
            raise _one_error(group) from group


def say(line: str) -> None:
    """One line for whoever looks at the console."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - nobody reads us any more


def _options(arguments: argparse.Namespace, directory: Path) -> Options:
    default = directory / "bot.toml"
    file = Path(arguments.config) if arguments.config else default if default.exists() else None
    supervision_file = Path(arguments.supervision or Path(__file__).parents[1] / "supervision.toml")
    market = Path(arguments.market).absolute() if arguments.market else None
    if market is not None and not market.is_file():
        raise StartupError(f"{market}: no such market file; check --market")
    return Options(directory, settings.load(file), _supervision(supervision_file), market, arguments.speed)


def _supervision(file: Path) -> Supervision:
    try:
        return load_supervision(file)
    except SupervisionError as error:
        raise StartupError(str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise StartupError(f"{file}: the supervision file cannot be read: {reason}; check --supervision") from None


def _refuse_profile(profile: str) -> None:
    """Profiles that need more than this version has are refused by name."""
    if profile != "local":
        raise StartupError(
            f"profile {profile} is not in this version; profile local needs no key and no network: bot run"
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One bot per data directory; the lock ends with the process."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / "lock").open("a+")
    except OSError as error:
        raise StartupError(
            f"{directory}: the data directory cannot be used: {error.strerror}; give --data-dir"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartupError(
                f"{directory}: another bot runs here (pid {lock.read().strip() or 'unknown'}); stop it, or give --data-dir"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _open_log(level: str, directory: Path) -> None:
    try:
        logs.configure(level, file=_log_file(directory))
    except OSError as error:
        raise StartupError(f"{error.filename}: the log cannot be written: {error.strerror}; put it right") from None


def _log_file(directory: Path) -> Path | None:
    """Logs go to the journal where there is one, else to a file; the console is for people."""
    return None if "JOURNAL_STREAM" in os.environ else directory / "bot.log"


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


async def _main(options: Options) -> int:
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_on_signals, signals, stop, nursery.cancel_scope)
            code = await _serve(options, stop)
            nursery.cancel_scope.cancel()
    return code


async def _on_signals(signals: AsyncIterator[int], stop: trio.Event, everything: trio.CancelScope) -> None:
    """The first signal asks for an orderly stop within `STOP_WITHIN_S`; a second one does not wait for it."""
    async for number in signals:
        if stop.is_set():
            everything.cancel()
        say(f"{signal.Signals(number).name}: no new entries; positions stay and are taken up at the next start")
        everything.deadline = trio.current_time() + STOP_WITHIN_S
        stop.set()


async def _serve(options: Options, stop: trio.Event) -> int:
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
        report=log_report,
    )
    async with (
        foundation.running() as (database, local_chain),
        open_store(database) as store,
        AsyncExitStack() as opened,
    ):
        transports = [await opened.enter_async_context(open_http_transport(url)) for url in local_chain.http_urls]
        endpoints = Endpoints([RpcClient(transport, RPC_DEADLINE_S) for transport in transports], clock)
        await endpoints.admit(local_chain.genesis_hash)
        chain = PumpChain(endpoints)
        subscriptions = [WebSocketSubscriptions(url) for url in local_chain.ws_urls]
        await bind_cluster(store, local_chain.genesis_hash, options.directory)
        master_key = await keys.master_key(store, chosen.wallets.master_key_file, options.directory, say)
        vault = LocalVault(master_key)
        await keys.prove(store, vault, master_key)
        adapters = Adapters(
            store=store,
            chain=chain,
            stream=PumpLaunchStream(subscriptions, chain.events_of, clock),
            history=PumpWallets(endpoints),
            vault=vault,
            clock=clock,
        )
        registrar = Registrar(
            store,
            adapters.vault,
            clock,
            Mode.LIVE,
            partial(fund, chain, transports[0].post, settings.lamports(chosen.localnet.demo_fund_sol)),
            new_user_settings(chosen),
        )
        if handles := await demo_users(registrar, chosen):
            say(f"{', '.join(handles)}: wallets funded, snipers on")
        async with _telegram(chosen.telegram) as chat_api:
            return await _run_tree(options, adapters, registrar, foundation, chat_api=chat_api, stop=stop)


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
    chat_api: ChatApi | None,
    stop: trio.Event,
) -> int:
    store, clock = adapters.store, adapters.clock
    messenger = ConsoleMessenger(say)
    bot = TradingBot(
        adapters,
        policy(options.settings),
        options.supervision,
        options.settings.trading.observe_s,
        messenger if chat_api is None else TelegramMessenger(chat_api, messenger),
        outage_rules(options.settings.levels),
        HaltFile(options.directory / HALT_FILE),
    )
    board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=foundation.supervisor)
    chat = make_chat(
        AccountHandlers(store, adapters.chain, clock, registrar.register, bot.sniper_changed, board.line),
        TradeHandlers(store, adapters.chain, bot.desk, clock, bot.panic, bot.sniper_changed),
        PreferenceHandlers(store, clock, bot.guard, bot.sniper_changed),
        WatchingHandlers(store, adapters.chain, clock, bot.tracking_changed),
    )
    console = Console(store, clock, chat, messenger)
    panels = Panels(bot, Mode.LIVE)
    keeper = StatusKeeper((board.facts, panels.details), panels.lag)
    operator = Operator(bot, board, panels, foundation.server)
    server = control.ControlServer(control_socket(options.directory), operator.answer, console.open)
    chats = None if chat_api is None else Chats(chat_api, TelegramDoor(store, chat))
    fatal = Fatal(bot.guard.latch, clock)
    async with open_supervisor(bot.spec(server.serve, chats, keeper=keeper.run), report=fatal.report) as root:
        await bot.began(root)
        say(f"running; try `bot status`, `bot supervisor status` and `bot chat` with --data-dir {options.directory}")
        ended = await _first(stop, fatal, root, foundation.supervisor)
        bot.guard.stop_entries()
    say("actors stopped" if ended is None else f"stopped, because {ended}; see the log")
    return 0 if ended is None else 1


async def _first(stop: trio.Event, fatal: Fatal, *trees: Supervisor) -> str | None:
    """Wait for the order to stop (None), or for what makes going on pointless (why)."""
    reasons: list[str] = []
    async with trio.open_nursery() as nursery:

        async def watch(tree: Supervisor) -> None:
            reasons.append(f"{tree.path} ended: {(await tree.wait()).reason}")
            nursery.cancel_scope.cancel()

        async def watch_fatal() -> None:
            await fatal.happened.wait()
            reasons.append(f"{fatal.path} is used up")
            nursery.cancel_scope.cancel()

        for tree in trees:
            nursery.start_soon(watch, tree)
        nursery.start_soon(watch_fatal)
        await stop.wait()
        nursery.cancel_scope.cancel()
    return reasons[0] if reasons else None


def log_report(report: Report) -> None:
    """Supervision reports as structured events."""
    log.warning(
        "supervision",
        path=report.path,
        kind=report.kind,
        incarnation=report.incarnation,
        reason=str(report.reason),
        leaves=[repr(leaf) for leaf in report.leaves],
        on_exhausted=report.on_exhausted,
    )


@dataclass(slots=True)
class Fatal:
    """What a used-up subtree means: `critical` halts, `exit` ends the process with an error, the rest comes back by itself."""

    halt: Callable[[Halt], bool]
    clock: Clock
    happened: trio.Event = field(default_factory=trio.Event)
    path: str = ""

    def report(self, report: Report) -> None:
        """Log every report and carry out what an exhausted subtree's name says."""
        log_report(report)
        if report.kind != "exhausted":
            return
        if report.on_exhausted == "critical":
            self.halt(Halt("supervision", self.clock.now_ms(), report.path, f"{report.path} used up its restarts"))
        elif report.on_exhausted == "exit" and not self.path:
            self.path = report.path
            self.happened.set()
