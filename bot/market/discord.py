"""Discord: the latest messages of channels that an operator chose and a bot of his was invited to, by its own bot token.

`GET /channels/{id}/messages` as its documentation shows it (2026); texts are told to bots that have the message content
intent. One look at the channels serves every token. What other bots write is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bot.analysis.sentiment import Post
from bot.market.posts import decoded, kept, ms_of, post_of
from bot.market.web import Fetch, Pace
from bot.ports import SocialWord

NAME = "Discord"
FRESH_MS = 60_000
AT_ONCE = 50
ASKED_MESSAGES = 100
# An account's number tells when it was made: ms since 2015 above its lowest 22 bits.
EPOCH_MS, TIME_BITS = 1_420_070_400_000, 22
ID_DIGITS_MAX = 20


class Author(msgspec.Struct, frozen=True):
    """What is not named here is passed over."""

    id: str = ""
    bot: bool = False


class Message(msgspec.Struct, frozen=True):
    author: Author = Author()
    content: str = ""
    timestamp: str | None = None


_messages = msgspec.json.Decoder(list[Message])


class Discord:
    """Implements `Teller`. `channels` are those that are read."""

    name = NAME
    at_once = AT_ONCE
    fresh_ms = FRESH_MS

    def __init__(self, fetch: Fetch, channels: Sequence[str], pace: Pace) -> None:
        self._fetch, self._channels, self._pace = fetch, tuple(channels), pace

    async def ask(self, mints: Sequence[str]) -> Mapping[str, SocialWord]:
        posts: list[tuple[str, Post]] = []
        for channel in self._channels:
            await self._pace.turn()
            posts += posts_of(await self._fetch.get(f"/channels/{channel}/messages?limit={ASKED_MESSAGES}"))
        said = {mint: kept([post for content, post in posts if mint in content]) for mint in mints}
        return {mint: SocialWord(told) for mint, told in said.items() if told}


def posts_of(body: bytes) -> list[tuple[str, Post]]:
    """The messages of an answer that people wrote, each with its whole text.

    Raises HearsayUnavailable for an answer that is not what it returns.
    """
    found = []
    for one in decoded(_messages, body, NAME):
        post = post_of(one.author.id, one.content, ms_of(one.timestamp), _since_ms(one.author.id))
        if post is not None and not one.author.bot:
            found.append((one.content, post))
    return found


def _since_ms(account: str) -> int | None:
    if not account.isascii() or not account.isdigit() or len(account) > ID_DIGITS_MAX:
        return None
    return (int(account) >> TIME_BITS) + EPOCH_MS
