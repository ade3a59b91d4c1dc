"""Emptied token accounts through the whole bot: closed after a while, their rent back in the books, and nobody disturbed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio
from solders.account import Account
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.execution.policy import Policy
from bot.localnet.addresses import TOKEN_2022_PROGRAM, associated_token
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.telegram.story_text import story_text
from bot.trading.closing import FEE_LAMPORTS
from bot.trading.intent import Intent, IntentState, Side
from bot.trading.ledger import Account as Books
from bot.trading.ledger import EntryKind
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import TOKEN_ACCOUNT_RENT_LAMPORTS, Refused
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.books import audit
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

BY_HAND = UserSettings(snipe_enabled=False, take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
AFTER_S = 60.0
SOON = Policy(ceilings=Ceilings(), close_emptied_after_s=AFTER_S)
CLOSED_WITHIN_S = 2 * AFTER_S + 60
PROVEN_WITHIN_S = 60.0


@dataclass(slots=True)
class Scene:
    """One user who has traded a token, sold all of it, and whose account of it was left behind."""

    world: World
    bot: TradingBot
    user: User
    wallet: Wallet
    crowd: Crowd
    mints: list[str]

    @property
    def account(self) -> Pubkey:
        return associated_token(Pubkey.from_string(self.wallet.address), Pubkey.from_string(self.mints[0]))

    async def trade(self, mint: str) -> None:
        """Buy and sell all of it, and keep the account."""
        await self.order("in", mint, spend_lamports=LAMPORTS_PER_SOL // 10)
        await self.order("out", mint, share_bps=BPS)

    async def order(self, key: str, mint: str, *, spend_lamports: int = 0, share_bps: int = 0) -> None:
        asked = order(
            self.user, self.wallet, mint, key=f"{key} {mint}", spend_lamports=spend_lamports, share_bps=share_bps
        )
        made = await self.bot.desk.submit(replace(asked, keep_account=bool(share_bps)))
        assert isinstance(made, Submitted), made
        await self.becomes(made.intent.id, IntentState.FILLED)

    async def becomes(self, intent_id: str, state: IntentState, *, within_s: float = 30) -> None:
        with trio.fail_after(within_s):
            while (found := await self.world.store.intent(intent_id)) is None or found.state is not state:
                await trio.sleep(0.1)

    def closings(self) -> list[Intent]:
        return [row for row in self.world.store._intents.values() if row.request.side is Side.CLOSE]

    async def closed(self) -> Intent:
        await until(lambda: any(row.state is IntentState.FILLED for row in self.closings()), within_s=CLOSED_WITHIN_S)
        return self.closings()[-1]

    async def sound(self) -> None:
        """The ledger is exact to the lamport, everything is final, and the audit of real bots has nothing to say."""
        await exact(self.bot, self.world)
        with trio.fail_after(PROVEN_WITHIN_S):
            while await self.world.store.unfinal(1):
                await trio.sleep(0.5)
        await self.world.store.bind_genesis(self.world.chain.call("getGenesisHash"))
        assert audit(self.world.store, self.world.chain) == []

    def change(self, key: Pubkey, how: Callable[[bytearray], None]) -> None:
        """Change the bytes of an account by decree."""
        accounts = self.world.chain.cluster.chain.accounts
        account = accounts.get(key)
        assert account is not None
        data = bytearray(account.data)
        how(data)
        accounts.put(key, Account(account.lamports, bytes(data), account.owner, account.executable, account.rent_epoch))

    def is_there(self) -> bool:
        account = self.world.chain.cluster.chain.accounts.get(self.account)
        return account is not None and account.lamports > 0


@asynccontextmanager
async def playing(*, tokens: int = 1, endpoints: int = 2) -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1, endpoints=endpoints + 1))
    world.endpoints = endpoints
    user, wallet = await world.user("demo-1", BY_HAND)
    crowd = Crowd(world.chain)
    async with running_bot(world, policy=SOON) as bot:
        await open_for_entries(bot)
        mints = [crowd.launch() for _ in range(tokens)]
        await trio.sleep(1)
        scene = Scene(world, bot, user, wallet, crowd, mints)
        for mint in mints:
            await scene.trade(mint)
        await exact(bot, world)
        yield scene


async def test_accounts_that_sales_left_empty_are_closed_together_and_quietly(autojump_clock: MockClock) -> None:
    async with playing(tokens=3) as scene:
        before = (await scene.bot.adapters.chain.balances(scene.wallet.address)).lamports
        told, alerts = len(scene.world.told), len(scene.world.alerts)
        closing = await scene.closed()
        assert set(closing.request.closes) == set(scene.mints)
        brought = 3 * TOKEN_ACCOUNT_RENT_LAMPORTS - FEE_LAMPORTS
        await scene.sound()
        assert (await scene.bot.adapters.chain.balances(scene.wallet.address)).lamports == before + brought
        [entry] = [row for row in scene.world.store.ledger if row.kind is EntryKind.CLOSING]
        legs = {leg.account: leg.lamports for leg in entry.legs}
        assert (legs[Books.WALLET], legs[Books.RENT]) == (brought, -3 * TOKEN_ACCOUNT_RENT_LAMPORTS)
        assert Books.OUTSIDE not in legs
        assert (len(scene.world.told), len(scene.world.alerts)) == (told, alerts)
        day = await scene.world.store.day(0)
        positions = list(scene.world.store._positions.values())
        assert (day.buys, day.sells, day.failed) == (3, 3, 0)
        assert day.realized_lamports == sum(row.realized_lamports for row in positions) - FEE_LAMPORTS
        ids = await scene.world.store.orders_of(positions[0].id)
        stories = [await scene.world.store.order_story(one) for one in ids]
        words = story_text(positions[0], [story for story in stories if story is not None])
        assert "The emptied token account was closed, with 2 others of this wallet, and its rent came back." in words
        assert "still in the emptied token account" not in words
        await trio.sleep(2 * CLOSED_WITHIN_S)
        assert len(scene.closings()) == 1


async def test_a_closing_that_the_network_takes_back_is_booked_once_when_it_lands_again(
    autojump_clock: MockClock,
) -> None:
    async with playing() as scene:
        closing = await scene.closed()
        [attempt] = scene.world.store._attempts_of(closing.id)
        slots = scene.world.chain.cluster.chain.position.slot - (attempt.landed_slot or 0) + 1
        alerts = len(scene.world.alerts)
        scene.world.chain.fork(slots, lost_percent=0)
        await until(lambda: reversals(scene) == 1, within_s=PROVEN_WITHIN_S)
        await scene.becomes(closing.id, IntentState.FILLED, within_s=PROVEN_WITHIN_S)
        await scene.sound()
        assert [row.kind for row in scene.world.store.ledger if row.intent_id == closing.id] == [
            EntryKind.CLOSING,
            EntryKind.REVERSAL,
            EntryKind.CLOSING,
        ]
        assert len(scene.world.alerts) == alerts


async def test_a_closing_that_is_gone_for_good_is_undone_and_tried_again(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        closing = await scene.closed()
        [attempt] = scene.world.store._attempts_of(closing.id)
        slots = scene.world.chain.cluster.chain.position.slot - (attempt.landed_slot or 0) + 1
        scene.world.chain.set_fault("drop-tx", for_s=60)
        scene.world.chain.fork(slots, lost_percent=100)
        await scene.becomes(closing.id, IntentState.EXPIRED, within_s=200)
        assert (await scene.world.store.day(0)).failed == 0
        await until(lambda: scene.closings()[-1].state is IntentState.FILLED, within_s=4 * CLOSED_WITHIN_S)
        assert not scene.is_there()
        await scene.sound()


async def test_tokens_that_come_in_before_it_lands_make_it_fail_and_nothing_is_lost(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        scene.world.chain.set_fault("drop-tx", for_s=3 * AFTER_S)
        await until(lambda: any(row.state is IntentState.SENT for row in scene.closings()), within_s=CLOSED_WITHIN_S)
        scene.change(scene.account, lambda data: data.__setitem__(slice(64, 72), (7).to_bytes(8, "little")))
        scene.world.chain.cluster.all_faults.clear()
        [closing] = scene.closings()
        await scene.becomes(closing.id, IntentState.FAILED)
        await exact(scene.bot, scene.world)
        assert scene.is_there()
        assert (await scene.world.store.day(0)).failed == 0
        scene.change(scene.account, lambda data: data.__setitem__(slice(64, 72), bytes(8)))
        await until(lambda: scene.closings()[-1].state is IntentState.FILLED, within_s=CLOSED_WITHIN_S)
        assert not any("failed" in line.lower() for line in scene.world.told)
        await scene.sound()


async def test_an_account_that_may_not_be_closed_is_left(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        stranger = (1).to_bytes(4, "little") + bytes(range(32))
        scene.change(scene.account, lambda data: data.__setitem__(slice(129, 165), stranger))
        await trio.sleep(2 * CLOSED_WITHIN_S)
        assert scene.closings() == []
        scene.change(scene.account, lambda data: data.__setitem__(slice(129, 165), bytes(36)))
        await scene.closed()
        await scene.sound()


async def test_nothing_is_closed_on_the_word_of_one_endpoint(autojump_clock: MockClock) -> None:
    async with playing() as scene:
        scene.world.chain.set_fault("rpc-down", for_s=4 * CLOSED_WITHIN_S, endpoint="rpc-2")
        await trio.sleep(2 * CLOSED_WITHIN_S)
        assert scene.closings() == []
        scene.world.chain.cluster.all_faults.clear()
        await scene.closed()
        await scene.sound()


async def test_nothing_is_closed_in_a_pause_or_beside_an_order(autojump_clock: MockClock) -> None:
    async with playing(tokens=2) as scene:
        held = scene.mints[1]
        await scene.order("again", held, spend_lamports=LAMPORTS_PER_SOL // 10)
        await scene.bot.guard.pause_user(scene.user.id)
        await trio.sleep(CLOSED_WITHIN_S)
        assert scene.closings() == []
        await scene.bot.guard.resume_user(scene.user.id)
        closing = await scene.closed()
        assert closing.request.closes == (scene.mints[0],)
        both = replace(closing.request, key="both", closes=tuple(scene.mints))
        answer = await scene.bot.desk.close(both)
        assert isinstance(answer, Refused)
        await scene.sound()


async def test_an_account_that_others_paid_for_gives_its_rent_as_something_from_outside(
    autojump_clock: MockClock,
) -> None:
    async with playing() as scene:
        await scene.closed()
        mint = scene.crowd.launch()
        await trio.sleep(1)
        scene.crowd.open_account(mint, 3, scene.wallet.address)
        key = associated_token(Pubkey.from_string(scene.wallet.address), Pubkey.from_string(mint), TOKEN_2022_PROGRAM)
        await until(lambda: scene.closings()[-1].request.closes == (mint,), within_s=2 * CLOSED_WITHIN_S)
        await scene.becomes(scene.closings()[-1].id, IntentState.FILLED)
        gone = scene.world.chain.cluster.chain.accounts.get(key)
        assert gone is None or gone.lamports == 0
        legs = {leg.account: leg.lamports for leg in scene.world.store.ledger[-1].legs}
        assert legs[Books.OUTSIDE] == -TOKEN_ACCOUNT_RENT_LAMPORTS
        assert Books.RENT not in legs
        await scene.sound()


def reversals(scene: Scene) -> int:
    return sum(row.kind is EntryKind.REVERSAL for row in scene.world.store.ledger)
