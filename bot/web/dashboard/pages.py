"""The whole pages round the panels: the dashboard, the door that asks for the token, a confirmation, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.web.dashboard.actions import ACTIONS, Action
from bot.web.dashboard.markup import Markup, Part, joined, tag

TITLE = "trading-bot"
STYLE, SCRIPT = "/dashboard.css", "/dashboard.js"


def _page(*body: Part, script: bool = False) -> bytes:
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", TITLE),
        tag("link", rel="stylesheet", href=STYLE),
    ]
    if script:
        # Without a script the page is fetched anew; with one it is told what has changed.
        head.append(tag("noscript", tag("meta", http_equiv="refresh", content="5")))
        head.append(tag("script", "", src=SCRIPT, defer=True))
    whole = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!doctype html>{whole}".encode()


def login(told: str | None, token_at: str) -> bytes:
    """The page that asks for the token; `told` is why the last one was not taken."""
    form = tag(
        "form",
        tag("label", "Token", for_="token"),
        tag(
            "input",
            type="password",
            id="token",
            name="token",
            required=True,
            autocomplete="current-password",
            autofocus=True,
        ),
        tag("button", "Show the dashboard", type="submit"),
        method="post",
        action="/login",
    )
    parts: list[Part] = [tag("h1", TITLE)]
    if told is not None:
        parts.append(tag("p", told, class_="loss", role="alert"))
    parts += [form, tag("p", f"The token is in {token_at} of the machine that runs the bot.", class_="faint")]
    return _page(tag("main", *parts, class_="door"))


def dashboard(panels: Mapping[str, Markup], form: str) -> bytes:
    """All panels, the operator's actions, and the script that follows what changes."""
    actions = tag("nav", *(_asks(action, form) for action in ACTIONS.values()), _leave(form), class_="actions")
    header = tag("header", tag("h1", TITLE), actions)
    told = tag("p", "This page has lost its connection; it is tried again.", id="lost", hidden=True, role="alert")
    return _page(header, told, tag("main", joined(list(panels.values())), id="panels"), script=True)


def _asks(action: Action, form: str) -> Markup:
    fields = [tag("input", type="hidden", name="form", value=form)]
    fields.append(
        tag("button", action.label, type="submit", name="verb", value=action.verb, class_=action.mood or None)
    )
    return tag("form", *fields, method="post", action="/ask")


def _leave(form: str) -> Markup:
    hidden = tag("input", type="hidden", name="form", value=form)
    return tag("form", hidden, tag("button", "Leave", type="submit"), method="post", action="/logout")


def confirmation(action: Action, state: Markup, form: str, word: str) -> bytes:
    """What an action does, how things are now, and the button that does it."""
    fields: list[Part] = [
        tag("input", type="hidden", name="form", value=form),
        tag("input", type="hidden", name="word", value=word),
    ]
    if action.takes_why:
        fields.append(tag("label", "Why, for the audit and for whoever looks at the status", for_="why"))
        fields.append(tag("input", type="text", id="why", name="why", maxlength="200", autocomplete="off"))
    if action.typed is not None:
        fields.append(tag("label", f"Type {action.typed} to confirm", for_="typed"))
        fields.append(tag("input", type="text", id="typed", name="typed", required=True, autocomplete="off"))
    fields.append(tag("button", action.label, type="submit", class_=action.mood or None))
    parts: list[Part] = [
        tag("h1", f"{action.label}?"),
        tag("p", action.does),
        tag("form", *fields, method="post", action="/do"),
        tag("p", tag("a", "Back, and do nothing", href="/")),
        state,
    ]
    return _page(tag("main", *parts, class_="door"))


def outcome(action: Action, text: str, *, done: bool) -> bytes:
    """What the bot said."""
    title = action.label if done else f"{action.label}: nothing was done"
    parts = [tag("h1", title), tag("p", text, class_=None if done else "loss"), tag("p", tag("a", "Back", href="/"))]
    return _page(tag("main", *parts, class_="door"))


def refused(why: str) -> bytes:
    """One line for whoever was refused."""
    return _page(tag("main", tag("h1", TITLE), tag("p", why), class_="door"))
