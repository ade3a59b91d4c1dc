"""The verbs `bot keys ...` as the control socket knows them: which master keys are in use, rotation, and import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.key_rotation import KeyRotation
from bot.users import Registrar
from bot.wallet_import import WalletImport

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]


def key_verbs(registrar: Registrar) -> dict[str, Verb]:
    """What the control socket calls each verb; users who are imported start as the registrar's."""
    rotation = KeyRotation(registrar.store, registrar.vault)
    importing = WalletImport(
        registrar.store,
        registrar.vault,
        registrar.clock,
        registrar.mode,
        registrar.newcomer,
        registrar.admission.admits,
    )

    async def show(_: Record) -> Record:
        return await rotation.show()

    async def rotate(request: Record) -> Record:
        return await rotation.rotate(str(request.get("after", "")))

    async def take(request: Record) -> Record:
        return await importing.take([str(line) for line in request.get("lines", ())])

    return {"keys": show, "keys_rotate": rotate, "keys_import": take}
