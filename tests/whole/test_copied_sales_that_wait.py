"""Copied sales that nobody signs for a while: they wait for what ends, and whoever is left with his tokens is told so, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bot.errors import KeyUnavailable
from bot.execution import copy_orders
from bot.telegram.replies import message_text
from bot.trading.copying import CopyState
from bot.trading.intent import IntentState, Side
from bot.trading.trading_state import FROZEN
from tests.whole.copy_scene import CALM, LEADER, TENTH, CopyScene, copy_scene

KINDS = ("vault_freeze", "copied_sale_left")


async def _told(here: CopyScene) -> list[str]:
    """What users heard of freezes and of sales that are left undone, oldest first."""
    return [message_text(one) for one in (await here.world.store.latest_messages(KINDS, 99))[::-1]]


def _signing_nothing(here: CopyScene, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A vault that does not answer whoever sells, until it is called."""
    sign: Callable[..., Awaitable[bytes]] = here.world.vault.sign

    async def away(*asked: Any) -> bytes:
        raise KeyUnavailable("the vault does not answer")

    monkeypatch.setattr(here.world.vault, "sign", away)
    return lambda: monkeypatch.setattr(here.world.vault, "sign", sign)


async def test_a_sale_that_only_the_vault_refuses_as_frozen_waits_and_its_user_is_told_once(
    autojump_clock: MockClock,
) -> None:
    async with copy_scene(81) as here:
        rule = await here.follower("ada")
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        await here.holds("ada")
        [wallet] = [one for one in await here.world.store.wallets() if one.id == rule.wallet_id]
        await here.world.vault.freeze(wallet, await here.world.store.sealed_key(wallet.id))
        assert here.bot.guard.freezes(wallet.user_id, wallet.id) == ()
        here.crowd.sell_all(mint, LEADER)
        await trio.sleep(2 * copy_orders.SALE_MS / 1000)
        assert here.bot.guard.freezes(wallet.user_id, wallet.id) == (FROZEN,)
        [sale, _] = await here.world.store.copies_of(rule.user_id, 9)
        assert (sale.copy.side, sale.copy.state, sale.copy.tries) == (Side.SELL, CopyState.OWED, 1)
        [told] = await _told(here)
        assert told.startswith(
            f"[live] Your wallet main ({wallet.address}) is frozen: the vault, which signs, remembers"
        )
        here.world.vault._book.thaw(wallet.user_id, wallet.address)
        await here.bot.guard.unfreeze_wallet(wallet)
        [*_, sale] = await here.copies("ada", 2)
        assert sale.order is IntentState.FILLED
        assert len(await _told(here)) == 1


async def test_a_sale_outlives_minutes_in_which_nobody_signs(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with copy_scene(82) as here:
        await here.follower("ada")
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        await here.holds("ada")
        back = _signing_nothing(here, monkeypatch)
        here.crowd.sell_all(mint, LEADER)
        await trio.sleep(0.8 * copy_orders.SALE_MS / 1000)
        back()
        [*_, sale] = await here.copies("ada", 2)
        assert sale.order is IntentState.FILLED
        assert sale.copy.tries > copy_orders.SALE_TRIES
        assert await _told(here) == []


async def test_a_sale_that_is_left_undone_is_told_once_and_the_position_keeps_its_own_exits(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_orders, "SALE_MS", 60_000)
    async with copy_scene(83) as here:
        rule = await here.follower("ada", replace(CALM, max_hold_s=600))
        mint = await here.token()
        here.crowd.buy(mint, LEADER, TENTH)
        await here.holds("ada")
        back = _signing_nothing(here, monkeypatch)
        here.crowd.sell_all(mint, LEADER)
        [*_, sale] = await here.copies("ada", 2, within_s=240)
        assert (sale.copy.state, sale.copy.code) == (CopyState.REFUSED, "given_up")
        back()
        [told] = await _told(here)
        assert told.endswith(
            "was to be sold (copies the leader), and I do not try it any more: nobody took it for 1 minutes."
            f" You still hold it, and your own exits of it are watched on; /sell {mint} all sells it."
        )
        assert len(await here.world.store.open_positions(rule.user_id)) == 1

        async def nothing_is_held() -> bool:
            return await here.world.store.open_positions(rule.user_id) == []

        with trio.fail_after(700):
            while not await nothing_is_held():
                await trio.sleep(1)
        assert len(await _told(here)) == 1
