"""Every key of the shipped supervision.toml, malformed in turn: refused before anything starts, by place and name."""

from __future__ import annotations

import re

import pytest

from actors.failure_policy import OUTCOMES
from actors.runtime import SupervisionError
from bot.cli import main
from bot.supervision import sections as supervision_sections
from bot.supervision.sections import SHIPPED, read

LINES = SHIPPED.read_text(encoding="utf-8").splitlines()
KEYS = [number for number, line in enumerate(LINES) if re.match(r"[a-z_]+ = ", line)]
HEADERS = [number for number, line in enumerate(LINES) if line.startswith("[")]
INNER = [(number, key) for number in KEYS for key in re.findall(r"[{,] ([a-z_]+) =", LINES[number])]


def faults(number: int, line: str) -> list[str]:
    """What is said of the shipped file with another line at this place; the line's own faults."""
    text = "\n".join([*LINES[:number], line, *LINES[number + 1 :]])
    with pytest.raises(SupervisionError) as refused:
        read("f", text, "local")
    told = [fault for fault in refused.value.lines if fault.startswith(f"f:{number + 1}:")]
    assert told, refused.value.lines
    assert all("\n" not in fault for fault in told)
    return told


def key_of(number: int) -> str:
    return LINES[number].partition(" = ")[0]


@pytest.mark.parametrize("value", ["[[]]", "{ x = 1 }", '"nonsense"', "-1", "nan"])
def test_a_key_of_the_wrong_type_or_value_is_named_in_its_place(value: str) -> None:
    for number in KEYS:
        assert any(
            key_of(number) in fault or "'x'" in fault for fault in faults(number, f"{key_of(number)} = {value}")
        ), LINES[number]


def test_a_misspelt_key_is_unknown_and_the_near_miss_is_suggested() -> None:
    for number in KEYS:
        key = key_of(number)
        told = faults(number, LINES[number].replace(key, key[:-1], 1))
        assert any(f"unknown key {key[:-1]!r}" in fault and f"did you mean {key!r}?" in fault for fault in told), told


def test_a_misspelt_key_of_an_inner_table_is_unknown_too() -> None:
    for number, key in INNER:
        told = faults(number, re.sub(rf"([{{,] ){key} =", rf"\g<1>{key}x =", LINES[number]))
        assert any(f"unknown key '{key}x'" in fault and f"did you mean {key!r}?" in fault for fault in told), told


def test_a_wrong_value_of_an_inner_table_is_named() -> None:
    for number, key in INNER:
        told = faults(number, re.sub(rf"([{{,] ){key} = [^,}}]+?( ?[,}}])", rf"\g<1>{key} = []\2", LINES[number]))
        assert any(f"{key} = []" in fault for fault in told), told


def test_a_section_of_another_name_is_refused_in_its_place() -> None:
    for number in HEADERS:
        assert faults(number, LINES[number].replace("]", "x]"))


def test_a_section_that_is_there_twice_is_no_toml() -> None:
    for number in HEADERS:
        with pytest.raises(SupervisionError, match=rf"^f:{number + 2}:"):
            read("f", "\n".join([*LINES[: number + 1], LINES[number], *LINES[number + 1 :]]), "local")


def test_the_shipped_file_is_good_in_every_profile_and_its_money_is_guarded() -> None:
    for profile in supervision_sections.PROFILES:
        assert read("f", "\n".join(LINES), profile).supervisors["money"]["on_exhausted"] == "critical"


def replaced(*edits: tuple[str, str]) -> list[str]:
    """What is said of the shipped file with these edits."""
    text = "\n".join(LINES)
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    with pytest.raises(SupervisionError) as refused:
        read("f", text, "local")
    return [re.sub(r"^f:\d+:\d+: ", "", line) for line in refused.value.lines]


@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        (
            [('"price_poller"]', "]"), ("[actor.price_poller]\nbackoff = { min_s = 0.2, max_s = 10 }", "")],
            "the bot needs the actor 'price_poller' in some supervisor's children",
        ),
        (
            [('"price_poller"]', '"price_pollr"]'), ("[actor.price_poller]", "[actor.price_pollr]")],
            "'price_pollr' is no actor of the bot; did you mean 'price_poller'?",
        ),
        ([('"snipers", ', ""), ('"price_poller"]', '"price_poller", "snipers"]')], "the bot looks for 'snipers' here"),
        (
            [('template = "sniper"', 'template = "executor"'), ('template = "executor"', 'template = "sniper"')],
            "flatten is dynamic, of the template 'executor'",
        ),
        (
            [("[actor.rpc_pool]", "[actor.rpc_pool]\nmailbox = { capacity = 3 }")],
            "'rpc_pool' takes no messages, so it has no mailbox",
        ),
        (
            [("[actor.position_monitor]\n", "[actor.position_monitor]\nmailbox = { capacity = 3 }\n")],
            "'position_monitor' takes no messages, so it has no mailbox",
        ),
        (
            [('[actor.position_monitor]\nrestart = "transient"', "[actor.position_monitor]")],
            'position_monitor needs restart = "transient": it ends when its work is done, and only a failure brings it'
            " back",
        ),
        (
            [('"critical"\nrestart = "transient"', '"critical"')],
            'money needs restart = "transient": once it is used up it may not come back by itself',
        ),
        (
            [('on_exhausted = "exit"', 'on_exhausted = "degraded"')],
            f'guard needs on_exhausted = "exit": {OUTCOMES["exit"]}',
        ),
    ],
)
def test_a_tree_that_the_bot_cannot_be_built_from_is_refused_before_anything_starts(
    edits: list[tuple[str, str]], fault: str
) -> None:
    assert fault in replaced(*edits)


def test_check_prints_the_tree_and_says_every_fault_in_one_line_each(
    capsys: pytest.CaptureFixture[str], tmp_path
) -> None:  # type: ignore[no-untyped-def]
    assert main(["supervision", "check", "--profile", "live"]) == 0
    printed = capsys.readouterr().out
    assert "money (one_for_one, 5 restarts in 60 s, used up: critical)" in printed
    assert "rpc: pauses entries at once, critical after 120 s" in printed
    bad = tmp_path / "bad.toml"
    bad.write_text("\n".join(LINES).replace("intensity = 20", "intensty = 20").replace("dwell_s = 15", "dwell_s = 0"))
    assert main(["supervision", "check", str(bad)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert all(re.match(rf"bot: {re.escape(str(bad))}:\d+:\d+: ", line) for line in told)
    assert len(told) == 5
    assert main(["supervision", "check", str(tmp_path / "gone.toml")]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err
