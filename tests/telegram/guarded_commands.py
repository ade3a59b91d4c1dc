"""The commands that a second factor guards, each typed once by somebody who has none in force."""

from __future__ import annotations

from tests.telegram.telegram_bot import Talk


async def types_what_takes_a_code(talk: Talk) -> None:
    await talk.asks("/totp", "Below is the key of your second factor")
    await talk.asks("/withdraw", "You have allowed no address yet")
    await talk.asks("/withdraw everything", "usage: /withdraw")
    await talk.asks("/freeze none", "you have no live wallet 'none'")
    await talk.asks("/unfreeze 1", "a code is the six digits")
    await talk.asks("/sweep", "main: no safe address counts")
    await talk.asks("/export_keys", "Your keys stay here unless you take one out")
