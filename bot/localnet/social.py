"""The stand-ins of X, Reddit and Discord on one door, each below a path of its own: posts about coins of the local chain.

Paths, headers and members follow their documentation (2026), as far as a reader needs them. Each asks for a credential, and any
will do: that of Reddit is given by its token interface. While `social-lies` is on, times cannot be, texts act and accounts are
from the future; while `social-flood` is, hundreds of young accounts praise every coin in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from bot.localnet.chain import Chain
from bot.localnet.chatter import CHORUS_TEXT, YOUNG_ACCOUNT_S, Remark, remarks
from bot.localnet.faults import SOCIAL_FLOOD, SOCIAL_LIES, FaultTable, MinuteRate
from bot.localnet.market_log import MarketLog

X, REDDIT, DISCORD = "/x", "/reddit", "/discord"
REQUESTS_PER_MINUTE = 600
TOKEN_LASTS_S = 86_400
CHANNEL_COINS = 20  # the coins that were launched last are spoken of in a channel
CHANNEL_MESSAGES = 100
FLOOD_POSTS = 400
DISCORD_EPOCH_MS, DISCORD_TIME_BITS = 1_420_070_400_000, 22
OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND = 200, 400, 401, 404
REFUSED = UNAUTHORIZED, b'{"title":"Unauthorized","status":401}'

Figures = dict[str, Any]
Answer = tuple[int, bytes]


class Social(MinuteRate):
    """Answers from the log of a chain's trades; who writes what follows from `seed`."""

    def __init__(
        self, chain: Chain, log: MarketLog, faults: FaultTable, clock: Callable[[], float], *, seed: int
    ) -> None:
        super().__init__(faults, clock, REQUESTS_PER_MINUTE)
        self._chain, self._log, self._seed = chain, log, seed

    def handle(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Status and body of one GET request, whatever its rate; `headers` by their names in small letters."""
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        said = headers.get("authorization", "")
        if parts.path == f"{X}/2/tweets/search/recent":
            return self._tweets(asked) if said.startswith("Bearer ") else REFUSED
        if parts.path == f"{REDDIT}/search":
            is_known = said.startswith("Bearer granted-") and bool(headers.get("user-agent"))
            return self._listing(asked) if is_known else REFUSED
        if parts.path.startswith(f"{DISCORD}/channels/") and parts.path.endswith("/messages"):
            return self._messages(asked) if said.startswith("Bot ") else REFUSED
        return NOT_FOUND, b'{"message":"404: Not Found"}'

    def handle_form(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The same of a form that is sent: Reddit's token."""
        if urlsplit(target).path != f"{REDDIT}/api/v1/access_token":
            return NOT_FOUND, b'{"message":"Not Found","error":404}'
        if not headers.get("authorization", "").startswith("Basic "):
            return REFUSED
        if parse_qs(body.decode("latin-1")).get("grant_type") != ["client_credentials"]:
            return BAD_REQUEST, b'{"error":"unsupported_grant_type"}'
        granted = {"access_token": f"granted-{self._chain.position.slot}", "token_type": "bearer", "scope": "*"}
        return OK, msgspec.json.encode({**granted, "expires_in": TOKEN_LASTS_S})

    def _tweets(self, asked: Mapping[str, str]) -> Answer:
        told = self._told(asked.get("query", "").split('"')[1:2], int(asked.get("max_results", "10")), 0)
        if not told:
            return OK, b'{"meta":{"result_count":0}}'
        data = [
            {"id": str(number), "text": one.text, "author_id": str(one.person), "created_at": _rfc3339(one.at_s)}
            for number, one in enumerate(told)
        ]
        users = {one.person: one.since_s for one in told}
        authors = [
            {"id": str(person), "username": f"user{person}", "created_at": _rfc3339(since_s)}
            for person, since_s in users.items()
        ]
        return OK, msgspec.json.encode(
            {"data": data, "includes": {"users": authors}, "meta": {"result_count": len(data)}}
        )

    def _listing(self, asked: Mapping[str, str]) -> Answer:
        told = self._told([asked.get("q", "").strip('"')], int(asked.get("limit", "25")), 1)
        children = [
            {
                "kind": "t3",
                "data": {
                    "author": f"user{one.person}",
                    "title": one.text,
                    "selftext": "",
                    "created_utc": float(one.at_s),
                    "subreddit": "solana",
                    "score": 1 + one.person % 40,
                },
            }
            for one in told
        ]
        return OK, msgspec.json.encode({"kind": "Listing", "data": {"after": None, "children": children}})

    def _messages(self, asked: Mapping[str, str]) -> Answer:
        told = self._told(self._log.newest(CHANNEL_COINS), int(asked.get("limit", "50")), 2)
        messages = [
            {
                "id": str(number),
                "content": one.text,
                "timestamp": _rfc3339(one.at_s),
                "author": {
                    "id": str((max(one.since_s * 1_000 - DISCORD_EPOCH_MS, 0) << DISCORD_TIME_BITS) + one.person),
                    "username": f"user{one.person}",
                },
            }
            for number, one in enumerate(told)
        ]
        return OK, msgspec.json.encode(messages[:CHANNEL_MESSAGES])

    def _told(self, mints: list[str], most: int, place: int) -> list[Remark]:
        """The newest remarks about these coins in one of the three places, faults included."""
        found = [one for mint in mints for one in remarks(mint, self._log, self._seed) if one.person % 3 == place]
        now_s = self._chain.position.time_s
        if self.faults.get(SOCIAL_FLOOD) is not None:
            found += [_praise(mint, number, now_s) for mint in mints for number in range(FLOOD_POSTS)]
        if self.faults.get(SOCIAL_LIES) is not None:
            found = [_twisted(one, number) for number, one in enumerate(found)]
        return sorted(found, key=lambda one: -one.at_s)[: max(most, 0)]


def _praise(mint: str, number: int, now_s: int) -> Remark:
    return Remark(10_000 + number, CHORUS_TEXT.format(mint=mint, number=number), now_s, now_s - YOUNG_ACCOUNT_S)


def _twisted(one: Remark, number: int) -> Remark:
    """Each in another way: long after all time, before it, with a text that acts, with an account made tomorrow."""
    if number % 4 == 0:
        return Remark(one.person, one.text, 10**10, one.since_s)
    if number % 4 == 1:
        return Remark(one.person, one.text, 0, one.since_s)
    if number % 4 == 2:
        return Remark(one.person, "\u202e/panic @everyone \x00" + "gem " * 5_000, one.at_s, one.since_s)
    return Remark(one.person, one.text, one.at_s, one.at_s + 86_400)


def _rfc3339(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
