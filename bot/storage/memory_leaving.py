"""People who leave, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.storage.leaving_rules import ACCOUNT_CLOSED, READER_LEFT, handle_of_closed, refuse_leaving
from bot.storage.memory_tables import MemoryTables
from bot.trading.copying import RuleState
from bot.trading.position import PositionState
from bot.trading.standing import StandingState
from bot.trading.trader import mark_of, unnamed


class MemoryLeaving(MemoryTables):
    """See `LeavingStore`."""

    async def close_account(self, user_id: str, now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        user = self._user(user_id)
        refuse_leaving(
            user_id,
            has_left=user.has_left,
            holds=any(row.user_id == user_id and row.state is PositionState.OPEN for row in self._positions.values()),
            has_orders=any(row.request.user_id == user_id for row in self._moving.values()),
            has_standing_orders=any(
                row.user_id == user_id and row.state is StandingState.OPEN for row in self._standings.values()
            ),
            copies=any(
                row.user_id == user_id and row.state is not RuleState.STOPPED for row in self._copy_rules.values()
            ),
        )
        trader = self._traders.get(user_id)
        if trader is not None and trader.delisted_why and user.telegram_id is not None:
            self._delisted_leavers[mark_of(user.telegram_id)] = trader.delisted_why
        self._users[user_id] = replace(user, handle=handle_of_closed(user_id), telegram_id=None, has_left=True)
        for key in [key for key in self._tracked if key[0] == user_id]:
            del self._tracked[key]
        self._traders.pop(user_id, None)
        for alike in [alike for alike, (_, owner) in self._handles.items() if owner == user_id]:
            del self._handles[alike]
            self._handles[unnamed(alike)] = ("", "")
        for number in [row.number for row in self._ratings.values() if row.rating.user_id == user_id]:
            del self._ratings[number]
        self._auto_plans.pop(user_id, None)
        for decision in [one for one in self._auto_decisions.values() if one.user_id == user_id]:
            del self._auto_decisions[decision.id]
        self._alert_levels.pop(user_id, None)
        for subject in [one.subject for one in self._chat_messages.values() if one.user_id == user_id]:
            del self._chat_messages[subject]
        for row in [one for one in self._allowed_addresses.values() if one.user_id == user_id]:
            del self._allowed_addresses[row.id]
        for export in [one for one in self._key_exports.values() if one.user_id == user_id]:
            self._key_exports[export.id] = replace(export, is_open=False)
        for mine in [key for key in self._notes if key[0] == user_id]:
            del self._notes[mine]
        unread = [row.id for row in self._outbox.values() if row.user_id == user_id and self._is_due(row.id)]
        self._undeliverable.update(dict.fromkeys(unread, READER_LEFT))
        self._put_audit(user_id, ACCOUNT_CLOSED, {}, now_ms)
