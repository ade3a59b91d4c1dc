"""More wallets are followed than there may be scanners: the others wait for a place, and nobody hears of an error for that."""

from __future__ import annotations

from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.ports import TrackedWallet
from bot.supervision.sections import SHIPPED, read
from bot.trading.limits import UserSettings
from tests.whole.crowd import Crowd
from tests.whole.virtual import make_world, open_for_entries, running_bot, until


async def test_a_wallet_without_a_place_is_followed_once_another_is_not(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    text = SHIPPED.read_text("utf-8").replace("max_children = 10000", "max_children = 2")
    world.supervision = read("supervision.toml", text, "local")
    crowd = Crowd(world.chain)
    addresses = {str(crowd._trader(number).pubkey()) for number in (2, 3, 4)}
    user, _ = await world.user("demo-1", UserSettings())
    for address in addresses:
        await world.store.track(TrackedWallet(user.id, address, "", 0))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await until(lambda: len(bot.hunt.followed.scanners) == 2, within_s=20)
        await bot.hunt.tracking_changed()
        followed = set(bot.hunt.followed.scanners)
        assert len(followed) == 2
        await world.store.untrack(user.id, gone := min(followed))
        await bot.hunt.tracking_changed()
        await until(lambda: set(bot.hunt.followed.scanners) == addresses - {gone}, within_s=20)
