"""What each drill does and what has to be seen: the kill switch, books that are brought back, a bot that takes over."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trio

from bot.backups import taking as backup
from bot.backups.taking import Place
from bot.clock import Clock
from bot.drills import records as drills
from bot.drills.records import Drill, Step
from bot.drills.scratch import SETTINGS, DrillFailed, ScratchBot, Status, scratch_bot
from bot.errors import BotError
from bot.local_chain import LocalChainProcess
from bot.storage.embedded import embedded_postgres
from bot.trading.trading_state import RESTORED
from bot.trading.units import counted
from bot.vault.master_key import make_local_key

CHAIN = ["--slot-ms", "50", "--endpoints", "2"]


@dataclass(slots=True)
class Seen:
    """What a step has seen so far, for its record."""

    text: str = ""


@dataclass(slots=True)
class Scene:
    """A drill that is under way: its scratch folder, and each step with its time, said as it ends."""

    folder: Path
    place: Place
    say: Callable[[str], None]
    clock: Clock
    steps: list[Step] = field(default_factory=list)

    @asynccontextmanager
    async def step(self, did: str) -> AsyncIterator[Seen]:
        """One step; what fails in it is what it saw."""
        began_s, seen = trio.current_time(), Seen()
        try:
            yield seen
        except BotError as error:
            seen.text = str(error)
            raise
        finally:
            step = Step(did, seen.text or "was interrupted", round((trio.current_time() - began_s) * 1000))
            self.steps.append(step)
            self.say(f"{did}: {step.saw} ({step.took_ms / 1000:.1f} s)")


async def rehearse(kind: str, place: Place, clock: Clock, say: Callable[[str], None]) -> tuple[Drill, Path]:
    """Do a drill and keep its record; both. What a drill that failed left is kept, and said where. Raises StartupError."""
    folder = Path(tempfile.mkdtemp(prefix="bot-drill-"))
    scene, began_s, at_ms = Scene(folder, place, say, clock), trio.current_time(), clock.now_ms()
    trouble = "it was interrupted"
    try:
        await SCENES[kind](scene)
        trouble = ""
    except BotError as error:
        trouble = str(error)
        if _has_something(folder):
            say(f"what the scratch bot left is kept in {folder}")
    finally:
        if trouble in {"", "it was interrupted"} or not _has_something(folder):
            shutil.rmtree(folder, ignore_errors=True)
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    took_ms = round((trio.current_time() - began_s) * 1000)
    drill = Drill(kind, place.profile, at, took_ms, tuple(scene.steps), trouble)
    return drill, drills.keep(place.directory, drill)


def _has_something(folder: Path) -> bool:
    return any(folder.iterdir())


# --------------------------------------------------------------------------------------------------------- kill switch


async def kill_switch(scene: Scene) -> None:
    """An operator flattens: everything is sold, nothing is bought, and no restart ends it."""
    async with scratch_bot(scene.folder / "bot") as bot:
        await _holding(scene, bot)
        async with scene.step("bot flatten --yes") as seen:
            await bot.verb("flatten", "--yes", "--why", "drill of the kill switch")
            status = await bot.until("a latched halt", lambda status: status["halt"])
            seen.text = f"the halt is latched by {status['halt']['cause']}, level {status['level']}"
        async with scene.step("wait for the sales") as seen:
            status = await bot.until("every position sold", _flat_and_halted)
            bought = status["trades_today"]["buys"]
            seen.text = f"HALTED, no position is open, {counted(status['trades_today']['sells'], 'sale')}"
        async with scene.step("order a purchase by hand") as seen:
            seen.text = await _refused(bot)
        async with scene.step("SIGKILL, and start it again") as seen:
            await bot.kill()
            bot.start()
            status = await bot.until("the halt after a restart", _flat_and_halted)
            if status["trades_today"]["buys"] != bought:
                raise DrillFailed(f"{status['trades_today']['buys'] - bought} purchases were made behind the halt")
            seen.text = "HALTED still, nothing was bought"
        await _rearmed(scene, bot)
        await bot.stop()


async def _refused(bot: ScratchBot) -> str:
    """What a user is told who buys now; raises DrillFailed where he is not refused."""
    mint = next(event["mint"] for event in bot.events() if event["event"] == "token_detected")
    answer = (await bot.verb("chat", "--as", "demo-1", text=f"/buy {mint} 0.1\n")).splitlines()
    status = await bot.until("a status", lambda status: status["positions"]["open"] is not None)
    if not answer or not _flat_and_halted(status):
        raise DrillFailed(f"an order by hand was answered {' '.join(answer)[:200]!r}, and the bot is {status['state']}")
    return f"refused: {answer[-1][:160]}"


# ------------------------------------------------------------------------------------------------------------- restore


async def restore(scene: Scene) -> None:
    """Books are backed up under load and brought back: halted, following the chain, sending nothing again.

    The newest backup of the bot for which the drill is made is opened as well, where that bot makes any; a bot of another
    profile than local has to.
    """
    await _own_backup(scene)
    key = scene.folder / "backup.key"
    make_local_key(key)
    async with _chain(scene) as settings:
        settings += f'[backup]\nkey_file = "{key}"\nfolder = "{scene.folder / "away"}"\n'
        async with (
            scratch_bot(scene.folder / "first", settings) as first,
            scratch_bot(scene.folder / "second", settings) as second,
        ):
            await _holding(scene, first)
            async with scene.step("bot backup create, while it trades") as seen:
                await first.verb("backup", "create", "--config", str(first.directory / "bot.toml"))
                file = backup.newest(scene.folder / "away")
                seen.text = f"{file.stat().st_size} bytes"
            async with scene.step("SIGKILL, and bot backup verify") as seen:
                await first.kill()
                told = await first.verb("backup", "verify", "--config", str(first.directory / "bot.toml"))
                seen.text = told.splitlines()[-1]
            async with scene.step("bot backup restore into another directory") as seen:
                await second.verb("backup", "restore", str(file), "--config", str(second.directory / "bot.toml"))
                shutil.copy(first.directory / "master.key", second.directory / "master.key")
                seen.text = "the books are there, and the master key was brought"
            async with scene.step("start on them") as seen:
                second.start()
                status = await second.until("a halt, and compared books", _compared_and_halted)
                seen.text = _sent_nothing(second, status)
            await _rearmed(scene, second)
            await second.stop()


def _sent_nothing(bot: ScratchBot, status: Status) -> str:
    """What a restored bot came up with; raises DrillFailed where it bought or sent something again."""
    if status["halt"]["cause"] != RESTORED:
        raise DrillFailed(f"the restored bot is halted by {status['halt']['cause']}")
    events = bot.events()
    own = {event["signature"] for event in events if event["event"] == "attempt_signed"}
    again = sum(event["event"] == "attempt_sent_again" and event["signature"] not in own for event in events)
    bought = sum(event["event"] == "intent_planned" and event["side"] == "buy" for event in events)
    if again or bought:
        raise DrillFailed(f"the restored bot sent {again} orders again and began {bought} purchases")
    return f"HALTED, {counted(status['positions']['open'], 'position')} compared with the chain, nothing was sent again"


async def _own_backup(scene: Scene) -> None:
    """The newest backup of the bot itself is brought back in a scratch directory, and its wallets are opened."""
    place = scene.place
    if place.profile == "local" and place.chosen.backup.key_file is None:
        return
    async with scene.step("bot backup verify, of the newest backup of this bot") as seen:
        told: list[str] = []
        place.key()  # a place that makes none says so, before one that is not there is looked for
        await backup.verify(place, None, told.append)
        seen.text = "; ".join(told[1:])


# ------------------------------------------------------------------------------------------------------------ failover


async def failover(scene: Scene) -> None:
    """The leader is gone at once, with positions open: the standby leads, watches them and can still sell them."""
    async with _chain(scene) as settings, embedded_postgres(scene.folder / "pg") as server:
        url = server.address.dsn
        key = f'[wallets]\nmaster_key_file = "{scene.folder / "first" / "master.key"}"\n'
        async with (
            scratch_bot(scene.folder / "first", settings, DATABASE_URL=url) as first,
            scratch_bot(scene.folder / "second", settings + key, DATABASE_URL=url) as second,
        ):
            await _holding(scene, first)
            async with scene.step("start a standby") as seen:
                second.start()
                await second.until(
                    "a standby that its leader knows",
                    lambda status: "standby" in status and status["standby"]["leader_knows"],
                )
                seen.text = "the leader knows of it"
            async with scene.step("SIGKILL to the leader") as seen:
                await first.kill()
                await second.until(
                    "the standby leads", lambda status: status["state"] == "OPEN" and status["reconciled"]
                )
                gap_ms = (await second.logged("positions_unwatched"))["ms"]
                seen.text = f"the standby leads, positions were unwatched for {gap_ms / 1000:.1f} s"
            async with scene.step("take one of two endpoints away") as seen:
                await _fault(second, scene, "fault", "rpc-down", "--for", "5m", "--endpoint", "rpc-1")
                await second.verb("flatten", "--yes", "--why", "drill of a failover")
                await second.until("every position sold by the other endpoint", _flat_and_halted)
                await _fault(second, scene, "clear")
                seen.text = "every position was sold by the other one"
            await _rearmed(scene, second)
            await second.stop()


async def _fault(bot: ScratchBot, scene: Scene, *words: str) -> None:
    """A fault of the chain that runs beside the bots."""
    await bot.verb("localnet", *words, directory=scene.folder / "localnet")


# --------------------------------------------------------------------------------------------------------------- parts


@asynccontextmanager
async def _chain(scene: Scene) -> AsyncIterator[str]:
    """A local chain that outlives its bots; the settings of those."""
    chain = LocalChainProcess(scene.folder / "localnet", 0, CHAIN)
    try:
        await chain.start()
        yield f'{SETTINGS}directory = "{scene.folder / "localnet"}"\n'
    finally:
        with trio.CancelScope(shield=True):
            await chain.stop()


async def _holding(scene: Scene, bot: ScratchBot) -> None:
    async with scene.step("start a scratch bot, and wait until it holds something") as seen:
        bot.start()
        status = await bot.until("an open position", lambda status: status["positions"]["open"])
        seen.text = f"{counted(status['positions']['open'], 'position')} open"


async def _rearmed(scene: Scene, bot: ScratchBot) -> None:
    async with scene.step("bot rearm") as seen:
        await bot.verb("rearm")
        status = await bot.until(
            "no halt, and compared books", lambda status: status["halt"] is None and status["reconciled"]
        )
        seen.text = f"the halt has ended, {status['state']}, the books are compared"


def _flat_and_halted(status: Status) -> bool:
    return bool(status["state"] == "HALTED" and status["positions"]["open"] == 0)


def _compared_and_halted(status: Status) -> bool:
    """While it is halted a bot compares its wallets one by one; each that was is in the ledger's line."""
    return bool(
        status["state"] == "HALTED" and status["ledger"]["last_checked"] and status["positions"]["open"] is not None
    )


SCENES: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    drills.KILL_SWITCH: kill_switch,
    drills.RESTORE: restore,
    drills.FAILOVER: failover,
}
