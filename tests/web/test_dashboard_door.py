"""Who is let in at the dashboard's door, and who is not: token, origin, host, forms, and what is done of operators' verbs.

Real sockets, real clock; nothing waits for a length of time.
"""

from __future__ import annotations

import re

import httpx
import pytest
import trio

from bot.web.dashboard import door, feed, sessions
from tests.top.top_cases import CASES
from tests.web.dashboard_world import PROXY, TOKEN, World, visitor, world

PAGES = ("/", "/events")
FORMS = ("/ask", "/do", "/logout")
WITHIN_S = 30


async def form_of(client: httpx.AsyncClient) -> str:
    page = (await client.get("/")).text
    return re.findall(r'name="form" value="([^"]+)"', page)[0]


async def test_without_the_token_there_is_a_question_for_it_and_nothing_of_the_bot() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place, token=None) as stranger:
            for path in PAGES:
                answer = await stranger.get(path)
                assert answer.status_code == 401
                assert "OPEN" not in answer.text
                assert 'name="token"' in answer.text
            for path in FORMS:
                assert (await stranger.post(path, data={"verb": "pause", "form": "", "word": ""})).status_code == 401
            assert place.feed.rounds == 0, "nobody asks the bot for a stranger"
            assert place.asked == []


async def test_wrong_tokens_are_refused_and_after_some_of_them_every_token_is_for_a_while() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place, token=None) as stranger:
            for number in range(sessions.TRIES_MAX):
                answer = await stranger.post("/login", data={"token": f"{TOKEN}{number}"})
                assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
            answer = await stranger.post("/login", data={"token": TOKEN})
            assert (answer.status_code, "set-cookie" in answer.headers) == (429, False)


async def test_the_cookie_of_a_session_is_for_this_page_alone() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place, token=None) as client:
            kept = (await client.post("/login", data={"token": TOKEN})).headers["set-cookie"]
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(kept.split("; "))
            assert TOKEN not in kept
            behind = {"host": PROXY, "origin": f"https://{PROXY}"}
            kept = (await client.post("/login", data={"token": TOKEN}, headers=behind)).headers["set-cookie"]
            assert "Secure" in kept.split("; ")


@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "localhost:x", "", "[::2]:80"])
async def test_under_a_foreign_host_nothing_is_answered_even_with_a_session(host: str) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            for path in (*PAGES, "/dashboard.js"):
                answer = await client.get(path, headers={"host": host})
                assert answer.status_code == 403
                assert "OPEN" not in answer.text
            assert (await client.get("/", headers={"host": f"localhost:{9}"})).status_code in {401, 403}


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_what_another_page_sends_is_refused_even_with_a_session(said: dict[str, str]) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            form = await form_of(client)
            for path in PAGES:
                assert (await client.get(path, headers=said)).status_code == 403
            for path in ("/login", *FORMS):
                data = {"verb": "pause", "form": form, "word": "", "token": TOKEN}
                assert (await client.post(path, data=data, headers=said)).status_code == 403
            assert place.asked == []


async def test_a_form_that_does_not_say_where_it_comes_from_is_refused() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            data = {"verb": "pause", "form": await form_of(client)}
            bare = client.build_request("POST", "/ask", data=data)
            del bare.headers["origin"]
            assert (await client.send(bare)).status_code == 403


async def test_every_answer_forbids_what_is_inline_and_of_others() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            for path in ("/", "/dashboard.css", "/dashboard.js", "/nowhere"):
                answer = await client.get(path)
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; ")
                assert "unsafe" not in policy
                assert "*" not in policy
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "access-control-allow-origin" not in answer.headers
                if path == "/":
                    assert " style=" not in answer.text
                    assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/dashboard.js" defer>']


async def test_an_action_is_done_once_after_its_confirmation_and_says_that_it_came_from_the_browser() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            form = await form_of(client)
            page = (await client.post("/ask", data={"verb": "pause", "form": form})).text
            assert place.asked == [], "asking does nothing"
            word = re.findall(r'name="word" value="([^"]+)"', page)[0]
            said = {"form": form, "word": word, "why": "the market looks odd"}
            first, again = await client.post("/do", data=said), await client.post("/do", data=said)
            assert (first.status_code, again.status_code) == (200, 409)
            assert "done: pause" in first.text
            [asked] = place.asked
            assert (asked["verb"], asked["why"]) == ("pause", "the market looks odd")
            assert (asked["through"], asked["by"].split()[0]) == ("browser", "operator")


async def test_to_flatten_a_word_has_to_be_typed() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            form = await form_of(client)
            for typed, done in (("yes", 0), ("", 0), ("flatten", 1)):
                page = (await client.post("/ask", data={"verb": "flatten", "form": form})).text
                word = re.findall(r'name="word" value="([^"]+)"', page)[0]
                await client.post("/do", data={"form": form, "word": word, "typed": typed})
                assert len(place.asked) == done


async def test_a_form_of_another_session_or_of_no_verb_does_nothing() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as one, visitor(place) as other:
            foreign = await form_of(other)
            assert (await one.post("/ask", data={"verb": "pause", "form": foreign})).status_code == 403
            for verb in ("", "chat", "keys_rotate", "fault", "__class__"):
                answer = await one.post("/ask", data={"verb": verb, "form": await form_of(one)})
                assert answer.status_code == 400
            assert place.asked == []


async def test_who_leaves_is_asked_for_the_token_again_and_so_is_everybody_after_a_new_token() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as one, visitor(place) as other:
            await one.post("/logout", data={"form": await form_of(one)})
            assert (await one.get("/")).status_code == 401
            assert (await other.get("/")).status_code == 200
            place.token_path.write_text("another-token-that-nobody-has-shown")
            assert (await one.post("/login", data={"token": TOKEN})).status_code == 401
            assert (await other.get("/")).status_code == 401
            await one.post("/login", data={"token": "another-token-that-nobody-has-shown"})
            assert (await one.get("/")).status_code == 200


async def events(place: World, client: httpx.AsyncClient, until: str) -> str:
    """What a stream brings until this is among it."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    host = place.url.removeprefix("http://")
    heard = ""
    async with await trio.open_tcp_stream("127.0.0.1", int(host.rpartition(":")[2])) as stream:
        await stream.send_all(f"GET /events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n".encode())
        while until not in heard:
            part = await stream.receive_some(65_536)
            assert part, heard
            heard += part.decode(errors="replace")
    assert heard.startswith("HTTP/1.1 200 ")
    assert "content-type: text/event-stream" in heard
    return heard


async def test_a_change_of_level_is_pushed_when_the_bot_tells_of_it_and_not_at_the_next_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "INTERVAL_S", 600.0)
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client, trio.open_nursery() as nursery:
            heard: list[str] = []

            async def follow() -> None:
                heard.append(await events(place, client, "level 3, critical"))

            nursery.start_soon(follow)
            while not place.feed.rounds:
                await trio.sleep(0.01)
            place.become(CASES["halted"]())
            while not heard:
                await trio.sleep(0.01)
            assert "until bot rearm" in heard[0]


async def test_nobody_asks_the_bot_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "INTERVAL_S", 0.001)
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            await events(place, client, "level 1, healthy")
            while "looking=0" not in repr(place.feed):
                await trio.sleep(0.01)
            rounds = place.feed.rounds
            await trio.sleep(0.3)
            assert place.feed.rounds <= rounds + 1, "the one that was under way"


async def test_a_bot_that_is_away_is_told_with_what_was_known_last() -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            assert "TOKEN1" in (await client.get("/")).text
            place.answers = ({"error": "the bot is busy"}, {}, {})
            page = (await client.get("/")).text
            assert "NO ANSWER" in page
            assert "the bot is busy" in page
            assert "TOKEN1" in page


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b"z" * (door.BODY_BYTES_MAX + 1),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_request_ends_its_connection_and_no_other(sent: bytes) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, visitor(place) as client:
            stream = await trio.open_tcp_stream("127.0.0.1", int(place.url.rpartition(":")[2]))
            async with stream:
                try:
                    await stream.send_all(sent)
                    heard = b"".join([part async for part in stream])
                except trio.BrokenResourceError:
                    heard = b""
            assert heard[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 413"}
            assert (await client.get("/")).status_code == 200
