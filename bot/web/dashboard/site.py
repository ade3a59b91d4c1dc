"""What is answered to whom: first where a request comes from, then whether its browser has shown the token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

import structlog
import trio

from bot.errors import StartupError
from bot.http_door import Header, Reply, Request
from bot.web.dashboard import origins, pages
from bot.web.dashboard.actions import ACTIONS, carry_out
from bot.web.dashboard.door import Pushed
from bot.web.dashboard.feed import Feed
from bot.web.dashboard.markup import Markup, joined
from bot.web.dashboard.sessions import SESSION_S, Session, Sessions

log = structlog.get_logger()

FIELDS_MAX = 8
ALIVE_EVERY_S = 15.0  # a comment on a stream that has nothing to tell
STATIC = {pages.STYLE: "text/css; charset=utf-8", pages.SCRIPT: "text/javascript; charset=utf-8"}

# Everything comes from here and nothing is inline, so that a name that became markup could still not run or load anything.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
# With no referrer at all a browser would tell no origin of a form either.
SAFE: tuple[Header, ...] = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
)
WHO_KNOWS = "nobody is known by that token"


class Site:
    """`token_at` is what people are told of where the token lies; `names` are those of a proxy before this door.

    `port` tells this dashboard's cookie from another's, because a browser keeps cookies by the host alone.
    """

    def __init__(
        self,
        feed: Feed,
        sessions: Sessions,
        socket_path: Path,
        *,
        token_at: str,
        port: int,
        names: frozenset[str] = frozenset(),
    ) -> None:
        self._feed, self._sessions, self._socket_path = feed, sessions, socket_path
        self._token_at, self._names = token_at, names
        self._cookie = f"bot-dashboard-{port}"
        folder = files("bot.web.dashboard")
        self._static = {path: (folder / path.lstrip("/")).read_bytes() for path in STATIC}

    async def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        why = origins.refusal(request.headers, request.method, self._names)
        if why is not None:
            log.warning("dashboard_refused", why=why, method=request.method)
            return _html(HTTPStatus.FORBIDDEN, pages.refused(why))
        if request.method in {"GET", "HEAD"} and request.path in STATIC:
            headers = (("content-type", STATIC[request.path]), *SAFE)
            return Reply(HTTPStatus.OK, headers, self._static[request.path])
        cookie = self._cookie_of(request)
        session = self._sessions.find(cookie)
        match request.method, request.path:
            case "POST", "/login":
                return self._login(request)
            case "GET", "/" if session is None:
                return self._ask_for_token(None)
            case "GET", "/":
                assert session is not None
                return _html(HTTPStatus.OK, pages.dashboard(await self._feed.newest(), session.form))
            case _, "/" | "/events" | "/ask" | "/do" | "/logout" if session is None:
                return self._ask_for_token(None)
            case "GET", "/events":
                assert session is not None
                headers = (("content-type", "text/event-stream; charset=utf-8"), *SAFE)
                return Pushed(HTTPStatus.OK, headers, events=self._events(session, cookie or ""))
            case "POST", "/ask" | "/do" | "/logout":
                assert session is not None
                return await self._form(request, session, cookie or "")
            case _, "/" | "/login" | "/events" | "/ask" | "/do" | "/logout":
                return _html(HTTPStatus.METHOD_NOT_ALLOWED, pages.refused("that is not how this is asked for"))
        return _html(HTTPStatus.NOT_FOUND, pages.refused("there is no such page"))

    # --------------------------------------------------------------------------------------------------- who it is

    def _cookie_of(self, request: Request) -> str | None:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return None
        return None if found is None else found.value

    def _ask_for_token(self, told: str | None, status: HTTPStatus = HTTPStatus.UNAUTHORIZED) -> Reply:
        return _html(status, pages.login(told, self._token_at))

    def _login(self, request: Request) -> Reply:
        if not self._sessions.is_patient():
            log.warning("dashboard_token_refused", why="too many wrong ones")
            told = "too many wrong tokens; wait for a minute"
            return self._ask_for_token(told, HTTPStatus.TOO_MANY_REQUESTS)
        try:
            cookie = self._sessions.open(_fields(request).get("token", "").strip())
        except StartupError as error:
            log.warning("dashboard_token_unreadable", why=str(error))
            return self._ask_for_token("the token cannot be read on the machine now", HTTPStatus.SERVICE_UNAVAILABLE)
        if cookie is None:
            log.warning("dashboard_token_refused", why="wrong")
            return self._ask_for_token(WHO_KNOWS)
        log.info("dashboard_opened")
        secure = "; Secure" if origins.is_behind_proxy(request.headers.get("host", ""), self._names) else ""
        kept = f"{self._cookie}={cookie}; Path=/; Max-Age={SESSION_S:.0f}; HttpOnly; SameSite=Strict{secure}"
        return _elsewhere("/", ("set-cookie", kept))

    # ------------------------------------------------------------------------------------------------ what is pushed

    async def _events(self, session: Session, cookie: str) -> AsyncIterator[bytes]:
        """Each panel that is another than it was, as one event; until the session ends."""
        shown: dict[str, str] = {}
        self._feed.look()
        try:
            while self._sessions.find(cookie) is session:
                changed = self._feed.changed
                newest = {name: panel.text for name, panel in self._feed.panels.items()}
                yield _changes(shown, newest)
                shown = newest
                with trio.move_on_after(ALIVE_EVERY_S):
                    await changed.wait()
        finally:
            self._feed.look_away()
        yield b"event: over\ndata: {}\n\n"

    # ------------------------------------------------------------------------------------------------- what is done

    async def _form(self, request: Request, session: Session, cookie: str) -> Reply:
        """A form of ours brings back what the session gave it; another one is of no page that we have drawn."""
        fields = _fields(request)
        if fields.get("form") != session.form:
            return _html(HTTPStatus.FORBIDDEN, pages.refused("that form is of an earlier page; load it again"))
        if request.path == "/logout":
            self._sessions.close(cookie)
            return _elsewhere("/", ("set-cookie", f"{self._cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"))
        if request.path == "/ask":
            action = ACTIONS.get(fields.get("verb", ""))
            if action is None:
                return _html(HTTPStatus.BAD_REQUEST, pages.refused("there is no such action"))
            state = (await self._feed.newest()).get("state", Markup(""))
            word = session.ask(action.verb)
            return _html(HTTPStatus.OK, pages.confirmation(action, state, session.form, word))
        return await self._do(fields, session)

    async def _do(self, fields: Mapping[str, str], session: Session) -> Reply:
        verb = session.confirmed(fields.get("word", ""))
        if verb is None:
            why = "this was confirmed before, or waited for too long; ask for it again"
            return _html(HTTPStatus.CONFLICT, pages.refused(why))
        action = ACTIONS[verb]
        if action.typed is not None and fields.get("typed", "").strip().lower() != action.typed:
            told = f"not confirmed: type {action.typed}"
            return _html(HTTPStatus.BAD_REQUEST, pages.outcome(action, told, done=False))
        # Once begun it is carried out, whoever closes the page meanwhile.
        done, text = await trio.to_thread.run_sync(carry_out, self._socket_path, action, fields.get("why", ""))
        log.warning("dashboard_action", verb=verb, done=done, said=text)
        return _html(HTTPStatus.OK if done else HTTPStatus.CONFLICT, pages.outcome(action, text, done=done))


def _fields(request: Request) -> dict[str, str]:
    """The fields of a form, each once; none where the body is no form."""
    try:
        given = parse_qs((request.body or b"").decode("ascii"), max_num_fields=FIELDS_MAX, keep_blank_values=True)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in given.items()}


def _changes(shown: Mapping[str, str], newest: Mapping[str, str]) -> bytes:
    """What has changed as events; where there are other panels than before, all of them; else a sign of life."""
    if not newest:
        return b": nothing is known yet\n\n"
    if list(shown) != list(newest):
        whole = joined([Markup(text) for text in newest.values()]).text
        return _event("page", {"html": whole})
    events = [_event("panel", {"id": name, "html": html}) for name, html in newest.items() if shown[name] != html]
    return b"".join(events) or b": as it was\n\n"


def _event(kind: str, told: Mapping[str, str]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()


def _html(status: HTTPStatus, body: bytes) -> Reply:
    return Reply(status, (("content-type", "text/html; charset=utf-8"), *SAFE), body)


def _elsewhere(path: str, *more: Header) -> Reply:
    return Reply(HTTPStatus.SEE_OTHER, (("location", path), *more, *SAFE))
