"""The supervision verbs as the control socket knows them: from a request to a call, and from what it brings to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.refusal import CannotError, typed_reason, who
from bot.status import StatusBoard
from bot.supervision.reload import SupervisionReload, change_records
from bot.supervision.verbs import SupervisionVerbs

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]

NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True)
class SupervisionOperator:
    """`bot supervisor ...` and `bot supervision diff|reload`."""

    board: StatusBoard
    by_hand: SupervisionVerbs
    files: SupervisionReload

    def verbs(self) -> Mapping[str, Verb]:
        """What the control socket calls each verb."""
        return {
            "supervisor": self._status,
            "supervisor_restart": self._restart,
            "supervisor_release": self._release,
            "dead_letters": self._dead_letters,
            "replay": self._replay,
            "supervision_diff": self._diff,
            "supervision_reload": self._reload,
        }

    async def _status(self, request: Record) -> Record:
        path, state = _text(request, "path"), _text(request, "state")
        if path is not None:
            path = (await self.by_hand.find(path)).path if path.strip("/") not in {"", "bot"} else None
        return await self.board.tree(path, state)

    async def _restart(self, request: Record) -> Record:
        why = typed_reason(request, NO_REASON)
        return await self.by_hand.restart(
            _wanted(request, "path"), why, who(request), confirmed=request.get("yes") is True
        )

    async def _release(self, request: Record) -> Record:
        return await self.by_hand.release(_wanted(request, "path"), typed_reason(request, NO_REASON), who(request))

    async def _dead_letters(self, request: Record) -> Record:
        return await self.by_hand.dead_letters(_text(request, "path"))

    async def _replay(self, request: Record) -> Record:
        return await self.by_hand.replay(_wanted(request, "id"), typed_reason(request, NO_REASON), who(request))

    async def _diff(self, request: Record) -> Record:
        _, changes = self.files.diff(_text(request, "file"), _text(request, "text"))
        return {"changes": change_records(changes), "running": self.files.bot.supervision.path}

    async def _reload(self, request: Record) -> Record:
        other, changes = self.files.diff(_text(request, "file"), _text(request, "text"))
        if changes:
            started_with = self.files.bot.started_with
            await self.files.apply(other, changes)
            lines = [str(change) for change in changes]
            await self.by_hand.audit(
                "reload", other.path, typed_reason(request, NO_REASON), who(request), changes=lines
            )
        else:
            started_with = other.path
        return {"changes": change_records(changes), "file": other.path, "started_with": started_with}


def _text(request: Record, key: str) -> str | None:
    value = request.get(key)
    return value if isinstance(value, str) else None


def _wanted(request: Record, key: str) -> str:
    value = _text(request, key)
    if not value:
        raise CannotError(f"the request has no {key}")
    return value
