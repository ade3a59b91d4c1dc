"""The real bot is ended by SIGKILL between a leader's fill and its copies: each follower has one copy or a refusal after it."""

from __future__ import annotations

import re

import pytest

from tests.whole.audit import audit
from tests.whole.real import RealBot, real_bot
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.real_market import write_busy_market

LAUNCHES = 300
LEADER = """
select user_wallets.address from user_wallets
inner join users on user_wallets.user_id = users.id
where users.handle = 'demo-1' and user_wallets.mode = 'live'
"""
# Every buy of the leader since he is copied, with how many copies and refusals there are of it, and how many are owed.
DECIDED = """
select wallet_signals.signature, count(copies.id) as copies, count(copies.id) filter (where copies.state = 'owed') as owed
from copy_rules
inner join wallet_signals on copy_rules.leader = wallet_signals.address and wallet_signals.seen_at >= copy_rules.since
left join copies on wallet_signals.signature = copies.signature and copies.rule_id = copy_rules.id
where wallet_signals.side = 'buy'
group by wallet_signals.signature
"""
DUE = "select count(*) as due from copies_due"


def decided(bot: RealBot) -> list[Row]:
    return rows_of_running(bot.directory, DECIDED)


@pytest.mark.slow
def test_killed_between_a_leaders_fill_and_its_copies_each_follower_has_one_or_a_refusal() -> None:
    """Slow because it is three lives of the bot, and a follower of one of its snipers."""
    with real_bot() as bot:
        market = str(write_busy_market(bot.directory / "busy.csv", LAUNCHES))
        bot.start("--market", market)
        bot.until_open()
        [leader] = rows_of_running(bot.directory, LEADER)
        card = bot.say("demo-2", "/snipe_disable", f"/copy_trader {leader['address']} 0.02 again=on leader=5 total=5")
        code = re.search(r"/confirm ([0-9a-f]{8})", "\n".join(card))
        assert code is not None, card
        assert "You copy" in "\n".join(bot.say("demo-2", f"/confirm {code[1]}"))
        for moment, count in (("leader_swap_decided", 1), ("wallet_signal", 2)):
            bot.until_logged(moment, count)
            bot.kill()
            bot.start("--market", market)
            bot.until_open()
        bot.until("copies", lambda _: len(decided(bot)) >= 3)
        bot.snipers_off()
        bot.until_flat()
        bot.until("nothing due", lambda _: rows_of_running(bot.directory, DUE) == [{"due": 0}])
        bot.until("nothing owed", lambda _: all(row["owed"] == 0 for row in decided(bot)))
        assert [row for row in decided(bot) if row["copies"] != 1] == []
        bot.stop()
        assert audit(bot.directory) == []
