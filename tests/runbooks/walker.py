"""Who walks a page: an operator with one bot before him, who types what the page has and looks for what it calls good."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runbooks.papers import RUNBOOKS, Typed, commands, shell_lines, spoken_lines, try_it
from tests.runbooks.surroundings import Around
from tests.whole.real import COMMAND_WITHIN_S, Event, RealBot, Status, clean_environment, command

SEEN_WITHIN_S = 90.0
GOOD_WITHIN_S = 150.0
POLL_S = 0.05
INSTALLED = "/var/lib/trading-bot"  # the data directory of the papers

Seen = Callable[[Status], Any]


@dataclass(slots=True)
class Walker:
    """One page and the bot that it is tried on. `typed` are the lines of the page that were given to it."""

    bot: RealBot
    page: str
    around: Around
    told: str = "no alert belongs to it"
    typed: int = 0
    _lines: set[tuple[str, int]] = field(default_factory=set)
    since: int = field(init=False)

    def __post_init__(self) -> None:
        self.since = len(self.bot.log())

    # ------------------------------------------------------------------------------------------------ what is typed

    def whole(self) -> list[Typed]:
        """Every call of `bot` that stands on a line of its own in the page, in order."""
        return [typed for typed in commands(RUNBOOKS / f"{self.page}.md") if typed.whole]

    def of(self, *words: str) -> list[Typed]:
        """Those of the page, on lines of their own or in its text, that begin with these words; there is one at least."""
        found = [typed for typed in commands(RUNBOOKS / f"{self.page}.md") if typed.words[: len(words)] == words]
        assert found, f"runbooks/{self.page}.md has no bot {' '.join(words)}"
        return found

    def type(
        self,
        typed: Typed,
        *further: str,
        put: Mapping[str, str] | None = None,
        on: Path | None = None,
        environment: dict[str, str] | None = None,
        within_s: float = COMMAND_WITHIN_S,
    ) -> str:
        """The command as the page has it; what it printed. It ends well.

        `put` has what stands for a word that the page leaves to its reader, `on` another data directory; `further` is the
        answer to the question that a terminal would be asked.
        """
        words = tuple((put or {}).get(word, word) for word in typed.words)
        place = () if "--data-dir" in words else ("--data-dir", str(on or self.bot.directory))
        done = command(*place, *words, *further, environment=environment, within_s=within_s)
        self._count(typed)
        assert done.returncode == 0, f"{typed}: exit code {done.returncode}: {done.stderr.strip()}"
        return done.stdout

    def type_all(self, *words: str, put: Mapping[str, str] | None = None, within_s: float = COMMAND_WITHIN_S) -> str:
        """Every command of the page on a line of its own that begins with these words; what the last one printed."""
        lines = [typed for typed in self.of(*words) if typed.whole] or self.of(*words)[:1]
        return [self.type(typed, put=put, within_s=within_s) for typed in lines][-1]

    def shell(self, *programs: str, put: Mapping[str, str] | None = None) -> str:
        """The page's lines that begin with one of these programs, in a shell; what they printed. Each ends well.

        `put` has what stands here for a part of such a line, as the data directory does for that of the papers.
        """
        said = []
        for line in shell_lines(RUNBOOKS / f"{self.page}.md"):
            if line.split()[0] not in programs:
                continue
            meant = line.replace(INSTALLED, str(self.bot.directory))
            for found, stands in (put or {}).items():
                meant = meant.replace(found, stands)
            done = subprocess.run(
                meant, shell=True, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
            )
            self.typed += 1
            assert done.returncode == 0, f"runbooks/{self.page}.md: {meant}: exit code {done.returncode}: {done.stderr}"
            said.append(done.stdout)
        assert said, f"runbooks/{self.page}.md has no line with {programs}"
        return "".join(said)

    def chat(self, who: str, *lines: str, expects: str) -> list[str]:
        """What somebody says in his chat, by words of commands that the page has; its answer has these words."""
        named = set(spoken_lines(RUNBOOKS / f"{self.page}.md"))
        for line in lines:
            assert line.split()[0] in named, f"runbooks/{self.page}.md does not name {line.split()[0]}"
        answer = self.bot.say(who, *lines)
        self.typed += len(lines)
        assert expects in "\n".join(answer), f"{lines}: no {expects!r} in {answer}"
        return answer

    def what_you_do(self) -> None:
        """Every command on a line of its own before the page's "Try it" that only asks, in order."""
        text = (RUNBOOKS / f"{self.page}.md").read_text("utf-8")
        end = text[: text.index("## Try it")].count("\n") if "## Try it" in text else len(text)
        for typed in self.whole():
            asks = typed.words[0] in {"status", "top"} or typed.words[:2] in {
                ("supervisor", "status"),
                ("localnet", "status"),
                ("config", "get"),
            }
            if typed.line <= end and asks and not {"--watch", "top"} & set(typed.words):
                self.type(typed)

    def trial(self) -> Iterable[Typed]:
        """The commands of "Try it"."""
        return try_it(f"{self.page}.md")

    def _count(self, typed: Typed) -> None:
        self.typed += 1
        self._lines.add((typed.paper, typed.line))

    # ------------------------------------------------------------------------------------------------- what is seen

    def see(self, wanted: str, seen: Seen, *, within_s: float = SEEN_WITHIN_S) -> Status:
        """What the page says one sees."""
        return self.bot.until(wanted, seen, within_s=within_s)

    def events(self) -> list[Event]:
        """What the log has since the walk began."""
        return self.bot.log()[self.since :]

    def logged(self, event: str, words: str = "", *, within_s: float = SEEN_WITHIN_S) -> Event:
        """The first line of the log since the walk began that is such an event and has these words."""
        return self._wait(
            f"{event} in the log with {words!r}",
            lambda: next((one for one in self.events() if one["event"] == event and words in str(one)), None),
            within_s,
        )

    def alert(self, words: str = "", *, within_s: float = SEEN_WITHIN_S) -> str:
        """The text of an alert of this page, with these words, that has come since the walk began."""
        page = f"runbooks/{self.page}.md"

        def found() -> str | None:
            for one in self.events():
                if one["event"] == "operator_alert" and one["page"] == page and words in one["text"]:
                    return str(one["text"])
            return None

        text = self._wait(f"an alert with {words!r} that names {page}", found, within_s)
        self.told = f"told “{' '.join(text.split())[:70]}”"
        return text

    def until(self, wanted: str, holds: Callable[[], Any], *, within_s: float = SEEN_WITHIN_S) -> Any:
        """What comes of `holds`, once it is something."""
        return self._wait(wanted, holds, within_s)

    def _wait(self, wanted: str, holds: Callable[[], Any], within_s: float) -> Any:
        deadline_s = time.monotonic() + within_s
        while not (found := holds()):
            assert time.monotonic() < deadline_s, f"{wanted}: not within {within_s:.0f} s"
            time.sleep(POLL_S)
        return found

    # ------------------------------------------------------------------------------------------------ what good is

    def clear(self) -> None:
        """End every fault, as the page says."""
        assert self.bot.command("localnet", "clear").returncode == 0
        self.typed += 1

    def good(self) -> None:
        """What every page of an outage calls good."""
        self.bot.until(
            "OPEN, level 1, without causes, nothing unproven",
            lambda status: status["state"] == "OPEN" and not status["causes"] and not status["positions"]["unknown"],
            within_s=GOOD_WITHIN_S,
        )

        def everything_runs() -> bool:
            return self.bot.command("supervisor", "status").stdout.startswith("Everything runs")

        self._wait("bot supervisor status begins with Everything runs", everything_runs, SEEN_WITHIN_S)

    def not_typed(self) -> list[str]:
        """The calls of `bot` on lines of their own that the walk had no use for."""
        return [shown(typed) for typed in self.whole() if (typed.paper, typed.line) not in self._lines]


def shown(typed: Typed) -> str:
    """A command in few words, for the list of what was not typed."""
    return re.sub(r"\s+", " ", " ".join(("bot", *typed.words)))[:60]


def paused_by(cause: str) -> Seen:
    return lambda status: any(one["cause"] == cause for one in status["causes"])
