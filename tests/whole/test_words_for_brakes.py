"""What a flatten of a program and a frozen wallet are called, wherever somebody reads of them."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_migrated_positions import WHALE, holding, make_market
from tests.whole.test_operator_flattens import looked_at, operator_of
from tests.whole.virtual import closed, make_world, open_for_entries, running_bot, until


async def test_a_flatten_of_pools_counts_coins_on_their_way_there_and_is_named_by_its_program(
    autojump_clock: MockClock,
) -> None:
    world, crowd = make_market()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        user, _, mint = await holding(world, bot, crowd)
        operator = operator_of(bot)
        assert operator.board.words.line(user.id).endswith("entries are open for you.")
        crowd.finish(mint, WHALE)
        await trio.sleep(1)
        told = await operator.answer({"verb": "flatten", "program": "pumpswap", "why": "a drain"})
        assert "pumpswap: no entries there, 1 position to sell" in told["text"]
        line = operator.board.words.line(user.id)
        assert "but for one thing. Nothing that trades at pumpswap is bought (panic: a drain)." in line
        await closed(world, 1)
        answer = await operator.answer({"verb": "resume"})
        assert answer["text"] == "over: panic of program pumpswap; entries are open."


async def test_a_frozen_wallet_is_told_to_everybody_and_waited_for_by_nobody(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, Crowd(world.chain), "demo-1", KEEPS)
        [user] = await world.store.users()
        operator = operator_of(bot)
        await bot.guard.freeze_user(user.id, "5nSg was not signed here")
        await looked_at(operator)
        sentence = (await operator.board.tree(None))["sentence"]
        assert sentence.startswith("Frozen by outflow: demo-1; nothing of theirs is bought or sold until they give")
        assert "until you give /ack_outflow" in operator.board.words.frozen(user.id)
        told = await operator.answer({"verb": "flatten", "user": "demo-1", "why": "a complaint"})
        assert "His wallet is frozen: nothing of his is sold until he gives /ack_outflow." in told["text"]
        await until(lambda: bool(bot.guard.flattens()), within_s=5)
        [order] = bot.guard.flattens()
        await until(lambda: bot.care.book.sums(order).unsellable == 1, within_s=10)
        assert bot.care.book.sums(order).waiting == 0
        await bot.guard.acknowledge_outflow(user.id)
        await closed(world, 1)
        await until(lambda: bot.care.book.sums(order).sold == 1, within_s=10)
