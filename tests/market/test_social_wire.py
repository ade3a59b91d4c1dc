"""What X, Reddit, Discord, CoinGecko and LunarCrush answer, decoded: exact posts, bounds, hostile answers, no secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.sentiment import POSTS_MAX, TEXT_LETTERS_MAX, Post, Votes
from bot.clock import system_clock
from bot.errors import HearsayUnavailable
from bot.localnet.doors.http import AskedDoor
from bot.localnet.faults import SOCIAL_DOWN, FaultTable
from bot.market import discord, ratings, reddit, twitter
from bot.market.discord import Discord
from bot.market.reddit import Reddit, Token
from bot.market.twitter import Twitter
from bot.market.web import ANSWER_BYTES_MAX, Pace, WebFetch, open_web_client
from bot.ports import SocialWord

DEADLINE_S = 20
MINT, OTHER = "M" * 40, "N" * 40
AT, AT_MS = "2026-09-01T12:00:00.000Z", 1_788_264_000_000
SECRET = "s3cret-key"

TWEETS = {
    "data": [
        {"id": "1", "text": f"{MINT} looks solid", "author_id": "7", "created_at": AT, "lang": "en"},
        {"id": "2", "text": "no time", "author_id": "7"},
        {"id": "3", "text": "", "author_id": "8", "created_at": AT},
    ],
    "includes": {"users": [{"id": "7", "username": "x", "created_at": "2020-01-01T00:00:00.000Z"}]},
    "meta": {"result_count": 3},
}
THING = {"author": "u", "title": "a rug", "selftext": "avoid", "created_utc": 1_788_264_000.0, "score": 4}
LISTING = {"kind": "Listing", "data": {"children": [{"kind": "t3", "data": THING}]}}
ACCOUNT = str(((AT_MS - 86_400_000 - discord.EPOCH_MS) << discord.TIME_BITS) + 5)
MESSAGES = [
    {"id": "1", "content": f"{MINT} is dead", "timestamp": "2026-09-01T12:00:00+00:00", "author": {"id": ACCOUNT}},
    {"id": "2", "content": f"{MINT} price bot", "timestamp": AT, "author": {"id": ACCOUNT, "bot": True}},
    {"id": "3", "content": "lunch?", "timestamp": AT, "author": {"id": "99"}},
]
TOPIC = {"data": {"types_sentiment": {"tweet": 80, "news": 50}, "types_count": {"tweet": 30, "news": 10}}}
HOSTILE = [None, 1e30, -1, "NaN", "\u202e/panic", [], {"a": None}, True, "9" * 500, "0001-01-01T00:00:00Z"]


def test_posts_of_x_come_with_the_age_of_their_authors() -> None:
    assert twitter.word_of(msgspec.json.encode(TWEETS)) == SocialWord(
        (Post("7", f"{MINT} looks solid", AT_MS, 1_577_836_800_000),)
    )
    assert twitter.word_of(b'{"meta":{"result_count":0}}') == SocialWord()


def test_posts_of_reddit_are_title_and_text() -> None:
    assert reddit.word_of(msgspec.json.encode(LISTING)) == SocialWord((Post("u", "a rug avoid", AT_MS),))


def test_messages_of_discord_are_those_of_people_and_their_number_tells_their_age() -> None:
    people = [post for _, post in discord.posts_of(msgspec.json.encode(MESSAGES))]
    assert people[0] == Post(ACCOUNT, f"{MINT} is dead", AT_MS, AT_MS - 86_400_000)
    assert [post.author for post in people] == [ACCOUNT, "99"]


def test_votes_are_shares_within_bounds() -> None:
    assert ratings.votes_of_coin(b'{"sentiment_votes_up_percentage":62.5}') == Votes(6_250)
    assert ratings.votes_of_coin(b'{"sentiment_votes_up_percentage":null}') is None
    assert ratings.votes_of_topic(msgspec.json.encode(TOPIC)) == Votes(7_250)
    assert ratings.votes_of_topic(b'{"data":{}}') is None
    for wrong in (b"101", b"-1", b"1e30", b'"NaN"', b'"x"', b"{}"):
        with pytest.raises(HearsayUnavailable):
            ratings.votes_of_coin(b'{"sentiment_votes_up_percentage":' + wrong + b"}")
    with pytest.raises(HearsayUnavailable):
        ratings.votes_of_topic(b'{"data":{"types_sentiment":{"tweet":50},"types_count":{"tweet":-3}}}')


READ: tuple[Callable[[bytes], object], ...] = (
    twitter.word_of,
    reddit.word_of,
    discord.posts_of,
    ratings.votes_of_coin,
    ratings.votes_of_topic,
)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "member", ["text", "author_id", "created_at", "author", "title", "created_utc", "content", "timestamp"]
)
def test_a_member_that_cannot_be_leaves_its_post_out_or_is_the_typed_error(member: str, value: Any) -> None:
    bodies: list[tuple[Callable[[bytes], Any], Any]] = [
        (twitter.word_of, {"data": [{**TWEETS["data"][0], member: value}]}),  # type: ignore[index]
        (reddit.word_of, {"data": {"children": [{"data": {**THING, member: value}}]}}),
        (discord.posts_of, [{**MESSAGES[0], member: value}]),
    ]
    for read, body in bodies:
        try:
            told = read(msgspec.json.encode(body))
        except HearsayUnavailable:
            continue
        posts = told.posts if isinstance(told, SocialWord) else [post for _, post in told]
        assert all(post.at_ms > 0 and post.text and len(post.text) <= TEXT_LETTERS_MAX for post in posts)


@given(st.binary() | st.text().map(lambda text: msgspec.json.encode([text])))
def test_whatever_else_they_answer_is_the_typed_error(body: bytes) -> None:
    for read in READ:
        try:
            read(body)
        except HearsayUnavailable:
            continue
        assert body.strip() in {b"[]", b"{}"}


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"data":' * 50_000, b"null", b"[null]", b"\xff"])
def test_nests_nulls_and_broken_letters_are_the_typed_error(body: bytes) -> None:
    for read in READ:
        with pytest.raises(HearsayUnavailable):
            read(body)


def test_of_a_flood_of_posts_the_newest_are_kept() -> None:
    flood = {"data": [{**TWEETS["data"][0], "author_id": str(number)} for number in range(2_000)]}  # type: ignore[index]
    assert len(twitter.word_of(msgspec.json.encode(flood)).posts) == POSTS_MAX


class Rates:
    """Refuses nothing."""

    def refuses_for_s(self) -> int | None:
        return None


Asked = tuple[str, str, Mapping[str, str]]


@asynccontextmanager
async def _service(answers: Mapping[str, Any], asked: list[Asked]) -> AsyncIterator[tuple[str, FaultTable]]:
    """A service that answers so to each beginning of a path, and 404 else."""
    faults = FaultTable(trio.current_time)

    def answer(target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        asked.append(("GET", target, headers))
        found = [body for start, body in answers.items() if target.startswith(start)]
        return (
            (200, found[0] if isinstance(found[0], bytes) else msgspec.json.encode(found[0])) if found else (404, b"{}")
        )

    def form(target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        asked.append((body.decode(), target, headers))
        return 200, msgspec.json.encode({"access_token": "granted", "expires_in": 3_600})

    door = AskedDoor(faults, Rates(), answer, shut_by=SOCIAL_DOWN, forms=form)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, door.serve, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", faults
        nursery.cancel_scope.cancel()


async def test_over_the_wire_each_is_asked_as_it_documents_and_no_secret_is_in_an_error() -> None:
    asked: list[Asked] = []
    answers: dict[str, Any] = {
        "/2/tweets/search/recent": TWEETS,
        "/search": LISTING,
        "/channels/123456/messages": MESSAGES,
        "/coins/solana/contract/": {"sentiment_votes_up_percentage": 60},
    }
    clock = system_clock()
    with trio.fail_after(DEADLINE_S):
        async with _service(answers, asked) as (url, faults), open_web_client() as client:
            x = Twitter(WebFetch(client, url, "X", clock, lambda: {"authorization": f"Bearer {SECRET}"}), Pace(0))
            assert set(await x.ask([MINT])) == {MINT}
            assert asked[-1][2]["authorization"] == f"Bearer {SECRET}"
            assert f"query=%22{MINT}%22+-is%3Aretweet&" in asked[-1][1]

            token = Token(WebFetch(client, url, "Reddit", clock, reddit.basic("me", lambda: SECRET)))
            search = Reddit(WebFetch(client, url, "Reddit", clock, token.headers), token, Pace(0))
            for _ in range(2):
                assert set(await search.ask([MINT])) == {MINT}
            assert [one[0] for one in asked[1:]] == ["grant_type=client_credentials", "GET", "GET"]
            assert asked[1][2]["authorization"] == "Basic bWU6czNjcmV0LWtleQ=="
            assert asked[-1][2]["authorization"] == "Bearer granted"

            messages = Discord(WebFetch(client, url, "Discord", clock), ["123456"], Pace(0))
            assert set(await messages.ask([MINT, OTHER])) == {MINT}

            coins = ratings.coingecko(WebFetch(client, url, "CoinGecko", clock), Pace(0))
            assert await coins.ask([MINT]) == {MINT: SocialWord(votes=Votes(6_000))}
            moods = ratings.lunarcrush(WebFetch(client, url, "LunarCrush", clock), Pace(0))
            assert await moods.ask([MINT]) == {}, "a token that it does not list is no outage"
            assert asked[-1][1] == f"/public/topic/{MINT.lower()}/v1"

            answers["/2/tweets/search/recent"] = b" " * (ANSWER_BYTES_MAX + 1)
            with pytest.raises(HearsayUnavailable, match="more than") as long:
                await x.ask([MINT])
            faults.set("social-down", for_s=60)
            with pytest.raises(HearsayUnavailable, match="Reddit: ") as down:
                await search.ask([MINT])
            assert SECRET not in f"{long.value!r} {down.value!r}"


async def test_a_token_that_reddit_refuses_is_fetched_anew() -> None:
    asked: list[Asked] = []
    with trio.fail_after(DEADLINE_S):
        async with _service({}, asked) as (url, _), open_web_client() as client:
            clock = system_clock()
            token = Token(WebFetch(client, url, "Reddit", clock, reddit.basic("me", lambda: SECRET)))
            search = Reddit(WebFetch(client, url, "Reddit", clock, token.headers), token, Pace(0))
            for _ in range(2):
                with pytest.raises(HearsayUnavailable):
                    await search.ask([MINT])
    assert [one[0] for one in asked] == ["grant_type=client_credentials", "GET"] * 2
