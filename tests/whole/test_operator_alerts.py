"""Operators are told on the console at once and in their chat in order, whatever Telegram does meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from actors.operator_alerts import MINUTE_S, OperatorAlerts
from actors.runtime import Backoff, ChildSpec, SupervisorSpec, open_supervisor
from bot.alarm import Alarm
from bot.clock import Clock, virtual_clock
from bot.execution.alert_channels import MAX_WAITING
from bot.execution.alerts import Alert, Turn, halted, outflow, outflow_over, pause_over, paused, quarantined
from bot.localnet.inprocess import InProcessChain
from bot.ports import Wallet, WalletMove
from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import GLOBAL, Cause, Halt
from bot.trading.units import LAMPORTS_PER_SOL
from bot.vault.local_vault import LocalVault
from tests.vault.vault_samples import guard
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import MASTER_KEY, make_world, open_for_entries, running_bot, until

OPERATOR = 99
ADA, BEN = "1e2feb89-414c-443c-9027-c4d1c386bbc4", "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
RPC = Cause("rpc", GLOBAL, 0, "rpc watch", "no endpoint answers")


def clock_of_trio() -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=1_790_000_000_000, seed=1)


def telegram_with_operator(clock: Clock) -> MemoryTelegram:
    telegram = MemoryTelegram(clock)
    telegram.say(OPERATOR, "/start")
    return telegram


def chat_of(telegram: MemoryTelegram) -> list[str]:
    return [shown.text for shown in telegram.messages(OPERATOR) if shown.ours]


@asynccontextmanager
async def alerts_running(
    alarm: Alarm, clock: Clock, known: dict[str, str] | None = None
) -> AsyncIterator[OperatorAlerts]:
    async def handles() -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        return dict(known or {})

    alerts = OperatorAlerts(alarm.say, alarm.channels(clock), clock, handles)
    child = ChildSpec("operator_alerts", alerts.run, backoff=Backoff(min_s=0.1, max_s=1))
    async with open_supervisor(SupervisorSpec("ops", "one_for_one", (child,), intensity=5, period_s=30)):
        yield alerts


def fee(number: int) -> WalletMove:
    return WalletMove(f"sig-{number}", 1, -1_000_000, paid=True)


async def test_an_outflow_names_its_user_and_every_transaction_in_sol(autojump_clock: MockClock) -> None:
    said: list[str] = []
    known = {ADA: "ada"}
    async with alerts_running(Alarm(said.append), clock_of_trio(), known) as alerts:
        await trio.sleep(1)
        for user_id in (ADA, BEN):
            known[BEN] = "ben"  # registered after the bot began
            wallet = Wallet(f"wallet of {user_id}", user_id, "addr", Mode.LIVE)
            await trio.sleep(1)
            alerts.tell(
                outflow(wallet, [WalletMove("sig-0", 1, -100_000_000, paid=True), *(fee(n) for n in range(1, 7))])
            )
        await trio.sleep(70)
        alerts.tell(outflow(wallet, [WalletMove("another", 1, -5_000, paid=True)]))  # what follows is the same alert
        await trio.sleep(70)
        alerts.tell(outflow_over(BEN))
        await trio.sleep(5)
        alerts.tell(outflow(wallet, [WalletMove("sig", 1, -5_000, paid=True)]))
        await trio.sleep(1)
    assert (
        "0.106 SOL left wallet addr of user ada by sig-0, sig-1, sig-2, sig-3, sig-4 and 2 more, which were not"
        in said[0]
    )
    assert f"user {BEN}" in said[1], "an urgent one does not wait for a name"
    assert "What left the wallet of user ben was moved by himself" in said[2]
    assert "0.000005 SOL left wallet addr of user ben by sig, which was not signed here." in said[3]
    assert len(said) == 4


async def test_what_is_over_before_it_was_told_is_not_told(autojump_clock: MockClock) -> None:
    said: list[str] = []
    async with alerts_running(Alarm(said.append), clock_of_trio()) as alerts:
        alerts.tell(paused(RPC))
        await trio.sleep(1)
        alerts.tell(pause_over("rpc", ()))
        await trio.sleep(2 * MINUTE_S)
    assert said == []


async def test_a_pause_and_its_end_are_told_with_their_page_and_a_halt_at_once(autojump_clock: MockClock) -> None:
    said: list[str] = []
    async with alerts_running(Alarm(said.append), clock_of_trio()) as alerts:
        alerts.tell(paused(RPC))
        await trio.sleep(5)
        alerts.tell(halted(Halt("rpc", 0, "rpc watch", "away for too long")))
        await trio.sleep(0.01)
        assert ["paused by rpc" in said[0], "Halted by rpc" in said[1]] == [True, True]
        alerts.tell(pause_over("rpc", ()))
        await trio.sleep(MINUTE_S)
    assert "The pause by rpc is over" in said[2]
    assert all("See runbooks/" in line for line in said)


async def test_many_of_a_kind_are_one_alert_a_minute_with_their_number(autojump_clock: MockClock) -> None:
    said: list[str] = []
    async with alerts_running(Alarm(said.append), clock_of_trio()) as alerts:
        for number in range(30):
            alerts.tell(quarantined(f"root/hunt/snipers/{number}", "boom"))
            await trio.sleep(0.3)
        await trio.sleep(2 * MINUTE_S)
    assert len(said) == 2
    assert "(22 more like it before this one.)" in said[1]


async def test_alerts_of_an_outage_of_telegram_arrive_in_order_once_it_is_back(autojump_clock: MockClock) -> None:
    clock, said = clock_of_trio(), list[str]()
    telegram = telegram_with_operator(clock)
    async with alerts_running(Alarm(said.append, telegram, OPERATOR), clock) as alerts:
        telegram.go_away()
        for number in range(MAX_WAITING + 5):
            alerts.tell(Alert(f"cause-{number}", f"number {number}.", "runbooks/README.md", Turn.BEGINS, urgent=True))
            await trio.sleep(1)
        assert len(said) == MAX_WAITING + 5
        assert chat_of(telegram) == []
        telegram.go_away(away=False)
        with trio.fail_after(60):
            while len(chat_of(telegram)) < MAX_WAITING:
                await trio.sleep(1)
    assert [f"operator: {text}" for text in chat_of(telegram)] == said[-MAX_WAITING:]


async def test_an_operator_who_blocks_the_bot_is_still_told_on_the_console(autojump_clock: MockClock) -> None:
    clock, said = clock_of_trio(), list[str]()
    telegram = telegram_with_operator(clock)
    telegram.block(OPERATOR)
    async with alerts_running(Alarm(said.append, telegram, OPERATOR), clock) as alerts:
        alerts.tell(paused(RPC))
        await trio.sleep(5)
        telegram.unblock(OPERATOR)
        alerts.tell(pause_over("rpc", ()))
        await trio.sleep(2 * MINUTE_S)
    assert len(said) == 2
    assert [f"operator: {text}" for text in chat_of(telegram)] == said[1:]


async def test_an_order_that_the_vault_does_not_sign_is_told_with_its_user_and_the_page(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    world.vault = LocalVault(MASTER_KEY, guard(day_lamports=LAMPORTS_PER_SOL // 20))
    user, wallet = await world.user("demo-1", UserSettings())
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = Crowd(world.chain).launch()
        await trio.sleep(1)
        refused = await bot.desk.submit(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL // 10))
        assert isinstance(refused, Refused)
        await until(lambda: any("did not sign order" in line for line in world.alerts), within_s=5)
        [told] = [line for line in world.alerts if "did not sign order" in line]
        assert f"wallet {wallet.address} has spent what it may in a day, vault.max_day_sol" in told
        assert "runbooks/vault.md" in told
        assert "demo-1" in told
