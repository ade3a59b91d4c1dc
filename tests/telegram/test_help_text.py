"""What /help says: one message for everybody, and examples that the bot itself understands."""

from __future__ import annotations

import pytest

from bot.commands import COMMANDS, GROUPS, Command
from bot.telegram.gateway_cards import MAX_UNITS
from bot.telegram.help_text import help_list, help_of
from bot.telegram.parsing import UsageError, parse


def test_the_list_names_every_command_once_and_is_one_message_even_for_an_operator() -> None:
    lines = help_list(COMMANDS).splitlines()
    assert [line.split()[0] for line in lines if " - " in line] == [
        f"/{one.name}" for group in GROUPS for one in COMMANDS if one.group == group
    ]
    assert {one.group for one in COMMANDS} == set(GROUPS)
    assert len("\n".join(lines).encode("utf-16-le")) // 2 <= MAX_UNITS


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_what_is_told_about_a_command_has_its_usage_and_examples_of_it(command: Command) -> None:
    told = help_of(f"/{command.name}", COMMANDS)
    assert told.startswith(f"{command.usage}\n")
    assert len(told) <= MAX_UNITS
    assert command.examples
    for example in command.examples:
        assert f"  {example}" in told
        parsed = parse(example)
        assert parsed.command is command
        assert bool(parsed.arguments) <= bool(command.arguments)


def test_an_alias_is_explained_and_a_misspelt_name_gets_the_nearest() -> None:
    assert help_of("ANALYZE", COMMANDS) == help_of("ai", COMMANDS)
    with pytest.raises(UsageError, match="did you mean /help positions"):
        help_of("position", COMMANDS)
    with pytest.raises(UsageError, match="see /help"):
        help_of("xyzzy", COMMANDS)
