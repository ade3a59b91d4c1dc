"""Who may do what in the chat: a user's role, asked of the store each time, so that a change counts at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.ports import UserStore
from bot.trading.roles import Role

RoleOf = Callable[[str], Awaitable[Role]]


def role_of(store: UserStore) -> RoleOf:
    """What tells a user's role by his id. It raises StoreUnavailable where nobody knows it."""

    async def asked(user_id: str) -> Role:
        return Role((await store.settings(user_id)).role)

    return asked
