"""Whether a user of this bot lets himself be copied by his handle: asked when a rule begins, for each buy, and every minute.

Nobody is copied by his handle who does not allow it, whatever he shows of his results, or whom an admin has delisted. Whoever
takes it back is bought with no more; what was bought with him is sold as he sells, and his followers hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import structlog

from bot.clock import Clock
from bot.execution.copy_news import copy_left_message
from bot.ports import Store
from bot.trading.copying import CopyRule, RuleState

log = structlog.get_logger()

HAS_LEFT = "he has left this bot"
NOT_ALLOWED = "he does not let himself be copied any more"
CIRCLE = "he copies you, himself or through others; a circle of copies would trade with itself"


async def withdrawn(store: Store, rules: Iterable[CopyRule]) -> dict[str, str]:
    """Of those rules that name a leader by his handle, by id, why he is to be copied no more; the others are left out."""
    named = [(rule.id, rule.leader_user_id) for rule in rules if rule.by_handle and rule.leader_user_id is not None]
    if not named:
        return {}
    leaders = {leader for _, leader in named}
    settings = await store.many_settings(list(leaders))
    left = {user.id for user in await store.users() if user.id in leaders and user.has_left}
    why = {}
    for leader in leaders:
        if leader in left or leader not in settings:
            why[leader] = HAS_LEFT
        elif not settings[leader].copyable:
            why[leader] = NOT_ALLOWED
        elif delisted := await store.delisted_why(leader):
            why[leader] = f"an admin has delisted him: {delisted}"
    return {rule_id: why[leader] for rule_id, leader in named if leader in why}


async def leave(store: Store, clock: Clock, rule: CopyRule, why: str) -> None:
    """Have a rule buy nothing more, by itself, and tell its user; nothing where somebody has moved it since."""
    after = replace(rule, state=RuleState.LEAVING, why=why, version=rule.version + 1)
    if await store.move_copy_rule(after, copy_left_message(clock, after)):
        log.info("copy_rule_leaves", rule=rule.id, reason=why)
