"""Asks the running bot while somebody looks, draws each round once, and wakes whoever shows it.

A round is asked every second, and at once when the bot says that its trading state has changed: a question that it answers
only then is always under way. With nobody looking nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import trio

from bot import control
from bot.clock import Clock
from bot.top.asking import Absent, Answers, ask_all
from bot.top.reading import read
from bot.top.record import View
from bot.web.dashboard import market, panels
from bot.web.dashboard.markup import Markup, section, tag
from bot.web.dashboard.snapshot import Snapshot, Story, story_of, tree_of

INTERVAL_S = 1.0  # between the end of one round and the next
REST_S = 1.0  # after a bot that did not answer
STORIES_MAX = 6
STORY_TRIES = 5
FIRST_WITHIN_S = 3.0

Ask = Callable[[Path, control.Answer], control.Answer]


class Feed:
    """`panels` is the newest drawing of each by its id; `changed` is set, and replaced, when there is a newer one."""

    def __init__(self, socket_path: Path, clock: Clock) -> None:
        self._socket_path, self._clock = socket_path, clock
        self._looking = 0
        self._wanted, self._now = trio.Event(), trio.Event()
        self._stories: dict[str, Story] = {}
        self._tries: dict[str, int] = {}
        self._last: Snapshot | None = None
        self.rounds = 0
        self.panels: Mapping[str, Markup] = {}
        self.changed = trio.Event()

    def __repr__(self) -> str:
        return f"<Feed looking={self._looking} rounds={self.rounds}>"

    async def run(self) -> None:
        """Ask until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_asking)
            nursery.start_soon(self._hear_changes)

    def look(self) -> None:
        """Somebody looks, and the bot is asked, until he looks away."""
        self._looking += 1
        self._wanted.set()

    def look_away(self) -> None:
        """Each who looked does this once."""
        self._looking -= 1
        if not self._looking:
            self._wanted = trio.Event()

    async def newest(self) -> Mapping[str, Markup]:
        """The panels of a round that begins now; those of before when none is complete in time."""
        seen = self.rounds
        self.look()
        try:
            self._now.set()
            with trio.move_on_after(FIRST_WITHIN_S):
                while self.rounds == seen:
                    await self.changed.wait()
        finally:
            self.look_away()
        return self.panels

    async def _keep_asking(self) -> None:
        while True:
            await self._wanted.wait()
            self._now = trio.Event()
            outcome = await trio.to_thread.run_sync(self._round, abandon_on_cancel=True)
            self.panels = self._draw(outcome)
            self.rounds += 1
            self.changed.set()
            self.changed = trio.Event()
            with trio.move_on_after(INTERVAL_S):
                await self._now.wait()

    async def _hear_changes(self) -> None:
        """The bot answers `changed` when its state is another than the one named, or after some seconds."""
        mark: object = None
        while True:
            await self._wanted.wait()
            request = {"verb": "changed", "seen": mark}
            try:
                answer = await trio.to_thread.run_sync(
                    partial(control.ask, self._socket_path, request), abandon_on_cancel=True
                )
            except (control.NotRunning, control.Refused, OSError, ValueError):
                await trio.sleep(REST_S)
                continue
            if answer.get("mark") != mark:
                mark = answer.get("mark")
                self._now.set()

    def _round(self) -> Answers | Absent:
        """In a thread of its own: the control socket's client waits for its answers."""
        try:
            answers = ask_all(self._socket_path, self._clock)
        except (control.NotRunning, control.Refused) as error:
            return Absent(str(error))
        self._tell_stories(answers)
        return answers

    def _tell_stories(self, answers: Answers) -> None:
        """The way of the latest buys; each is asked for until it is told to its end, a few times at most."""
        events = read({}, {}, answers.top).recent or ()
        bought = [one for one in events if one.kind == "fill" and one.side == "buy" and one.order][:STORIES_MAX]
        stories: dict[str, Story] = {}
        for one in bought:
            order = one.order or ""
            story = self._stories.get(order)
            if (story is None or not story.is_told) and self._tries.get(order, 0) < STORY_TRIES:
                self._tries[order] = self._tries.get(order, 0) + 1
                story = self._ask_story(order, one.symbol or one.mint or "?", one.user or "?") or story
            if story is not None:
                stories[order] = story
        self._stories = stories
        self._tries = {
            order: tries for order, tries in self._tries.items() if any(one.order == order for one in bought)
        }

    def _ask_story(self, order: str, token: str, user: str) -> Story | None:
        try:
            return story_of(order, token, user, control.ask(self._socket_path, {"verb": "trace", "word": order}))
        except (control.NotRunning, control.Refused, OSError, ValueError):
            return None

    def _draw(self, outcome: Answers | Absent) -> Mapping[str, Markup]:
        if isinstance(outcome, Absent):
            return drawn(self._last, self._clock.now_ms(), outcome.why)
        view = read(outcome.status, outcome.supervisor, outcome.top)
        stories = tuple(self._stories.values())
        self._last = Snapshot(outcome.at_ms, view, tree_of(outcome.supervisor), stories)
        return drawn(self._last, outcome.at_ms, None)


def drawn(snapshot: Snapshot | None, now_ms: int, trouble: str | None) -> dict[str, Markup]:
    """Every panel by its id, in the order of the page. Without a snapshot there is the trouble alone."""
    if snapshot is None:
        told = tag("p", panels.badge("NO ANSWER", panels.BAD), f" {panels.words(trouble)}", role="alert")
        return {"state": section("state", "State", told)}
    # What was known last keeps the ages that it had then: they would go on as if somebody still looked.
    view: View = snapshot.view
    head = panels.head(view, snapshot.at_ms, trouble)
    if trouble is not None:
        silent_s = max(now_ms - snapshot.at_ms, 0) // 1000
        head = panels.head(view, snapshot.at_ms, f"{trouble} (for {silent_s} s)")
    if view.waits is not None:
        return {"state": head}
    at_ms = snapshot.at_ms
    return {
        "state": head,
        "positions": market.positions(view, at_ms),
        "today": panels.day(view),
        "momentum": market.momentum(view),
        "recent": market.recent(view, at_ms),
        "waterfall": market.waterfall(snapshot.stories),
        "health": panels.health(view, at_ms),
        "endpoints": panels.endpoints(view),
        "levels": panels.levels(view, at_ms),
        "tree": panels.tree(snapshot.tree, view),
    }
