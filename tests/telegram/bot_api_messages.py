"""Small parts of the Bot API's JSON and its refusals, as the fake makes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from starlette.responses import Response

from bot.ports import Button, Document

Json = dict[str, Any]


class Refusal(Exception):
    """An answer with `ok` false, in Telegram's words."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.answer: Json = {"ok": False, "error_code": code, "description": description}
        if parameters:
            self.answer["parameters"] = parameters


def person(user_id: int) -> Json:
    return {"id": user_id, "is_bot": False, "first_name": f"Person {user_id}"}


def buttons_of(message: Json) -> tuple[Button, ...]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return tuple(Button(one["text"], one["callback_data"]) for row in rows for one in row)


def optional(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def everything_in(calls: Sequence[tuple[str, Json]]) -> bytes:
    """All that was sent in these calls, files too, as one text."""
    words = (word for _, parameters in calls for word in parameters.values())
    return b"\n".join(one.content if isinstance(one, Document) else str(one).encode() for one in words)


async def answering(response: Response) -> Response:
    """A call that is answered so, whatever it asks."""
    await trio.lowlevel.checkpoint()
    return response


async def never() -> Response:
    """A call that is never answered."""
    await trio.sleep_forever()
    raise AssertionError
