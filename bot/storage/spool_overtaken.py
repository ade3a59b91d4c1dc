"""Orders of people that lay in a journal while another bot led: told to whoever gave them, and not carried out.

Days may lie between, and what a user sold in panic then he may have bought again since.
"""

from __future__ import annotations

import structlog

from bot.clock import rfc3339_s
from bot.execution.messages import overtaken_message
from bot.execution.ordered_causes import OPERATOR, PANIC, PAUSED_BY_USER, is_operator
from bot.ports import Store
from bot.trading.trading_state import GLOBAL, Cause

log = structlog.get_logger()

_OF_USER = "user:"
_COMMANDS = {PANIC: "/panic", PAUSED_BY_USER: "/pause"}


async def whom(cause: Cause, store: Store) -> str:
    """The handle of the user whom a cause is about, else its scope.

    Raises LookupError for a user whom this database does not have: nobody could ever end it.
    """
    user_id = cause.scope.removeprefix(_OF_USER)
    if user_id == cause.scope:
        return cause.scope
    found = next((user for user in await store.users() if user.id == user_id), None)
    if found is None:
        raise LookupError(f"there is no user {user_id}")
    return found.handle


async def tell_overtaken(cause: Cause, store: Store) -> str | None:
    """Tell the user, where it was he, and return the sentence for operators; None where there is nothing to tell.

    An order that the database has was not lost, and what the program set by itself it looks at again. Raises LookupError for
    a user whom this database does not have.
    """
    of_whom = await whom(cause, store)
    stands = any((one.name, one.scope) == (cause.name, cause.scope) for one in await store.causes())
    by_himself = cause.scope == f"{_OF_USER}{cause.by}"
    log.warning(
        "order_overtaken", cause=cause.name, scope=cause.scope, by=cause.by, at_ms=cause.since_ms, stands=stands
    )
    if stands or not (by_himself or is_operator(cause.by)):
        return None
    at = rfc3339_s(cause.since_ms)
    if by_himself:
        command = _COMMANDS.get(cause.name, cause.name)
        await store.post(overtaken_message(cause.by, command, at, cause.since_ms))
        return (
            f"The {command} of {of_whom}, given {at} while the database was away, was not carried out: another bot"
            " has led since. He is told to send it again if he still wants it."
        )
    verb = "bot pause" if cause.name == OPERATOR and cause.scope == GLOBAL else f"{cause.name} of {of_whom}"
    return (
        f"The {verb} by {cause.by} ({cause.why}), given {at} while the database was away, was not carried out: another bot has"
        " led since. Give it again if it is still wanted."
    )
