"""The verbs `bot keys ...` as the control socket knows them: which master keys are in use, rotation, and import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.earlier_import import EarlierImport
from bot.key_age import KeyAge
from bot.key_rotation import KeyRotation
from bot.users import Registrar
from bot.wallet_import import WalletImport

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]


def key_verbs(registrar: Registrar, age: KeyAge, tracking_changed: Callable[[], Awaitable[None]]) -> dict[str, Verb]:
    """What the control socket calls each verb; users who are imported start as the registrar's.

    `tracking_changed` starts scanners of what imported users follow.
    """
    rotation = KeyRotation(registrar.store, registrar.vault, age)
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

    earlier = EarlierImport(importing, tracking_changed)

    async def take_people(request: Record) -> Record:
        people, dry = request.get("people", ()), bool(request.get("dry", True))
        return {"told": [await earlier.take(person, dry=dry) for person in people]}

    return {"import_earlier": take_people, "keys": show, "keys_rotate": rotate, "keys_import": take}
