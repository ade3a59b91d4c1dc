"""What the panels draw of a bot in every state, and what becomes of names that strangers choose. Pure."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bot.top.reading import read
from bot.web.dashboard.feed import drawn
from bot.web.dashboard.panels import WORDS_MAX
from bot.web.dashboard.snapshot import Snapshot, story_of, tree_of
from tests.top.top_cases import CASES, HOSTILE
from tests.top.top_samples import NOW_MS, Answers
from tests.web.dashboard_world import NAMES, ORDER, everywhere, trace, with_buy

PANELS = ("state", "positions", "today", "momentum", "recent", "waterfall", "health", "endpoints", "levels", "tree")
ATTRIBUTES = {"class", "id", "scope", "title", "role", "aria-label", "data-label", "viewbox", "preserveaspectratio"} | {
    "x",
    "y",
    "width",
    "height",
}


class Reader(HTMLParser):
    """The tags, attributes and texts of a page, as a browser's parser splits it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth += tag != "rect"
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag != "rect"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def snapshot(answers: Answers, name: str = "TOKEN1", detail: str = "") -> Snapshot:
    """What a round that brought these answers is to the page."""
    story = story_of(ORDER, name, name, trace(detail))
    assert story is not None
    return Snapshot(NOW_MS, read(*answers), tree_of(answers[1]), (story,))


def page(answers: Answers, name: str = "TOKEN1") -> dict[str, str]:
    return {panel: html.text for panel, html in drawn(snapshot(answers, name, name), NOW_MS, None).items()}


@pytest.mark.parametrize("case", [case for case in CASES if case != "starting"])
def test_every_panel_is_drawn_of_a_bot_in_every_state(case: str) -> None:
    panels = page(CASES[case]())
    assert tuple(panels) == PANELS
    for name, html in panels.items():
        reader = Reader(html)
        assert html.startswith(f'<section id="{name}" class="panel"><h2>')
        assert reader.depth == 0, name
        assert reader.attributes <= ATTRIBUTES


def test_the_panels_tell_what_they_are_for() -> None:
    panels = page(with_buy(CASES["paused"]()))
    told = {name: " ".join(Reader(html).texts) for name, html in panels.items()}
    for words in ("PAUSED", "level 2, degraded", "no endpoint answers within 3 s", "rpc probe", "daily_loss:1"):
        assert words in told["state"], words
    assert "+0.0112" in told["positions"]
    assert "paper" in told["positions"]
    assert "31 s" in told["positions"], "the age of a price"
    assert "BUY" in told["momentum"]
    assert "not heard" in told["endpoints"]
    assert "PAUSED" in told["levels"]
    assert "3.242 s from seen to fill" in told["waterfall"]
    assert "quarantined" in told["tree"]


@pytest.mark.parametrize("name", NAMES, ids=["script", "attribute", "hostile"])
def test_a_name_on_every_panel_is_a_text_and_nothing_else(name: str) -> None:
    calm, hurt = page(with_buy(CASES["paused"]())), page(everywhere(name), name)
    known = Reader("".join(page(CASES["flattening"]()).values()) + "".join(calm.values())).tags
    for panel, html in hurt.items():
        reader = Reader(html)
        assert reader.tags <= known, panel
        assert reader.attributes <= ATTRIBUTES, panel
        assert reader.depth == 0, panel
        assert len(html) < 100_000, panel
        assert all(len(text) <= 4 * WORDS_MAX for text in reader.texts), panel
        assert not set(html) & {"\u202e", "\u200f", "\u05d0", "\x1b", "\x07", "\r"}, panel
    shown = [panel for panel, html in hurt.items() if name[:7] in "".join(Reader(html).texts)]
    if name != HOSTILE:
        assert shown == list(PANELS), "the name stands on every panel"


def test_a_bot_that_has_not_begun_shows_what_it_waits_for() -> None:
    answers = ({"state": "STARTING", "level": 1, "waits": {"for": "database", "why": "no answer"}}, {}, {})
    panels = drawn(Snapshot(NOW_MS, read(*answers), None, ()), NOW_MS, None)
    assert list(panels) == ["state"]
    assert "waits for its database" in panels["state"].text


def test_a_tree_without_end_is_drawn_in_bounds() -> None:
    child: dict[str, object] = {"name": "n", "kind": "worker", "state": "running", "children": []}
    wide = {"tree": {"name": "bot", "kind": "supervisor", "state": "running", "children": [child] * 5_000}}
    deep: dict[str, object] = {"name": "n", "kind": "supervisor", "state": "running", "children": []}
    for _ in range(200):
        deep = {"name": "n", "kind": "supervisor", "state": "running", "children": [deep]}
    for tree in (wide, {"tree": deep}):
        root = tree_of(tree)
        assert root is not None
        html = drawn(Snapshot(NOW_MS, read({}, tree, {}), root, ()), NOW_MS, None)["tree"].text
        assert len(html) < 20_000
    assert (
        "and 4940 others" in drawn(Snapshot(NOW_MS, read({}, wide, {}), tree_of(wide), ()), NOW_MS, None)["tree"].text
    )
