"""A dashboard's door for tests: the real one, before a control socket that answers with samples of a bot in some state."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from bot.clock import Clock
from bot.control import Answer, ControlServer
from bot.web.dashboard.door import Door
from bot.web.dashboard.feed import Feed
from bot.web.dashboard.sessions import Sessions
from bot.web.dashboard.site import Site
from tests.top.top_cases import CASES, HOSTILE
from tests.top.top_samples import NOW_MS, Answers, at, event

TOKEN = "a-token-of-a-test-and-nothing-else"
PROXY = "dashboard.example.org"
NAMES = ("<script>globalThis.hacked = 1</script>", "\"'><img src=x onerror='globalThis.hacked = 1'>", HOSTILE)

ORDER = "0d7a"
STEPS = (
    ("seen", 0),
    ("signal", 2_401),
    ("admitted", 2_405),
    ("signed", 2_538),
    ("sent", 2_541),
    ("landed", 2_600),
    ("settled", 3_242),
    ("told", 3_374),
)


def trace(detail: str = "") -> Answer:
    """The answer to `trace` of one buy."""
    steps = [{"at": at(5), "after_ms": after_ms, "what": what, "detail": detail} for what, after_ms in STEPS]
    return {"orders": [{"intent": ORDER, "user": "1", "handle": "demo-1", "state": "FILLED", "steps": steps}]}


def everywhere(name: str) -> Answers:
    """A bot each of whose texts is this one, but those that a panel chooses its parts by, and times."""
    kept = {"state", "level", "kind", "side", "scope", "order"}

    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {one: renamed(below, one) for one, below in value.items()}
        if isinstance(value, list):
            return [renamed(one, key) for one in value]
        is_time = isinstance(value, str) and value[:2] == "20" and value.endswith("Z")
        return name if isinstance(value, str) and key not in kept and not is_time else value

    told, tree, top = with_buy(CASES["paused"]())
    told = renamed({**told, "halt": CASES["halted"]()[0]["halt"]})
    told["services"][name] = told["services"]["rpc"]
    return told, renamed(tree), renamed(top)


def with_buy(answers: Answers) -> Answers:
    """The same bot, whose latest event is a buy that `trace` knows."""
    told, tree, top = answers
    buy = {**event(5, "fill", "buy", 50_000_000, None, "confidence 81 %"), "order": ORDER}
    return told, tree, {**top, "recent": [buy, *top.get("recent", [])]}


@dataclass
class World:
    """`answers` is what the bot behind it says; `asked` are the operator's verbs that reached it."""

    answers: Answers
    socket_path: Path
    url: str
    token_path: Path
    feed: Feed
    door: Door
    traced: Answer = field(default_factory=trace)
    asked: list[Answer] = field(default_factory=list)
    changed: trio.Event = field(default_factory=trio.Event)
    mark: int = 0

    def become(self, answers: Answers) -> None:
        """The state of the bot is another one from now on, and it says so to whoever has asked to be told."""
        self.answers = answers
        self.mark += 1
        self.changed.set()
        self.changed = trio.Event()

    async def answer(self, request: Answer) -> Answer:
        """The control socket's side."""
        match request["verb"]:
            case "status":
                return self.answers[0]
            case "supervisor":
                return self.answers[1]
            case "top":
                return self.answers[2]
            case "trace":
                return self.traced
            case "changed":
                while request.get("seen") == self.mark:
                    await self.changed.wait()
                return {"mark": self.mark}
        self.asked.append(request)
        return {"text": f"done: {request['verb']}"}


async def _no_chat(_: Answer, __: Callable[[str], None]) -> Any:
    raise AssertionError("the dashboard does not chat")


@asynccontextmanager
async def world(case: Answers | None = None) -> AsyncIterator[World]:
    """A dashboard on a free port of loopback, before a bot that answers as it is told."""
    folder = Path(tempfile.mkdtemp(prefix="web-"))
    token_path, socket_path = folder / "token", folder / "ctl.sock"
    token_path.write_text(TOKEN + "\n")
    token_path.chmod(0o600)
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = int(listener.socket.getsockname()[1])
    feed = Feed(socket_path, Clock(now_ms=lambda: NOW_MS, new_id=lambda: ""))
    site = Site(feed, Sessions(token_path), socket_path, token_at="FILE", port=port, names=frozenset({PROXY}))
    door = Door(site.answer)
    made = World(case or with_buy(CASES["open"]()), socket_path, f"http://127.0.0.1:{port}", token_path, feed, door)
    server = ControlServer(socket_path, made.answer, _no_chat)
    try:
        async with trio.open_nursery() as nursery:
            up = trio.Event()
            nursery.start_soon(server.serve, up.set)
            await up.wait()
            nursery.start_soon(feed.run)
            await nursery.start(trio.serve_listeners, door.serve, [listener])
            yield made
            nursery.cancel_scope.cancel()
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def visitor(place: World, *, token: str | None = TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has shown the token, if any, as a page of the dashboard itself asks."""
    own = {"origin": place.url, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(base_url=place.url, headers=own, trust_env=False, timeout=20) as client:
        if token is not None:
            await client.post("/login", data={"token": token})
        yield client
