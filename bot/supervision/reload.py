"""Another supervision.toml for the bot that runs: what it would change, and the change itself, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.runtime import (
    RESTART_BOT,
    Change,
    ChildSpec,
    SpecError,
    Supervision,
    SupervisionError,
    SupervisorError,
    compare,
)
from bot.chain.breaker import BreakerRule
from bot.paths import SUPERVISION_TEXT_MAX, text_of
from bot.refusal import CannotError
from bot.supervision.sections import breaker_rule, outage_rules, read
from bot.tree import TradingBot

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SupervisionReload:
    """`set_breaker` hands the endpoints their breaker's rule."""

    bot: TradingBot
    profile: str
    set_breaker: Callable[[BreakerRule], None]

    def diff(self, name: str | None, text: str | None) -> tuple[Supervision, tuple[Change, ...]]:
        """The other file and what it says differently; without a text the file is read that the bot was started with.

        Raises CannotError with every fault of the file, one line each.
        """
        own = self.bot.started_with
        try:
            if text is None:
                name, text = own, text_of(Path(own), SUPERVISION_TEXT_MAX)
            other = read(name or own, text, self.profile)
        except SupervisionError as error:
            raise CannotError(str(error)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise CannotError(f"{own}: the supervision file cannot be read: {error}") from None
        return other, compare(self.bot.supervision, other)

    async def apply(self, other: Supervision, changes: tuple[Change, ...]) -> None:
        """Take the other file over. Raises CannotError, and then nothing has changed."""
        refused = [change for change in changes if change.when == RESTART_BOT]
        if refused:
            lines = [f"{change}" for change in refused]
            raise CannotError(
                "\n".join(
                    [
                        *lines,
                        "nothing was applied: these need a start of the bot with that file (bot run --supervision)",
                    ]
                )
            )
        if self.bot.root is None:
            raise CannotError("the bot is still starting; try again in a moment")
        rules, breaker = outage_rules(other), breaker_rule(other)
        changed = {change.section.removeprefix("actor.") for change in changes if change.section.startswith("actor.")}

        def refit(spec: ChildSpec) -> ChildSpec:
            return other.refit(spec) if spec.template in changed else spec

        try:
            await self.bot.root.reload(other.tree(self.bot.starts), refit)
        except (SpecError, SupervisionError, SupervisorError) as error:
            raise CannotError(f"nothing was applied: {error}") from error
        self.bot.take_supervision(other, rules)
        self.set_breaker(breaker)


def change_records(changes: tuple[Change, ...]) -> list[Record]:
    """The changes as JSON says them."""
    return [
        {"section": one.section, "key": one.key, "when": one.when, "text": str(one), "live": one.when != RESTART_BOT}
        for one in changes
    ]
