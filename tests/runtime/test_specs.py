"""Specifications are judged when they are made, and the arithmetic of restarts holds for all numbers."""

import re
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime import Backoff, ChildSpec, Mailbox, SpecError, Supervisor, SupervisorSpec, check_childspecs
from actors.runtime.policy import QuarantineWindow, RestartWindow, quarantine_limit
from actors.runtime.testing import Cast, Summer

START = Cast().steady
INNER = SupervisorSpec("inner", "one_for_one")
README = (Path(__file__).parents[2] / "actors" / "runtime" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n.*?```text\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (lambda: ChildSpec("", START), "id", ""),
        (lambda: ChildSpec("a/b", START), "id", "a/b"),
        (lambda: ChildSpec(3, START), "id", 3),
        (lambda: ChildSpec("a", 3), "start", 3),
        (lambda: ChildSpec("a", INNER), "type", "worker"),
        (lambda: ChildSpec("a", START, type="supervisor"), "type", "supervisor"),
        (lambda: ChildSpec("a", START, type="boss"), "type", "boss"),
        (lambda: ChildSpec("a", START, restart="always"), "restart", "always"),
        (lambda: ChildSpec("a", START, shutdown_ms=-1), "shutdown_ms", -1),
        (lambda: ChildSpec("a", START, shutdown_ms=1.5), "shutdown_ms", 1.5),
        (lambda: ChildSpec("a", START, shutdown_ms="never"), "shutdown_ms", "never"),
        (lambda: ChildSpec("a", START, init_timeout_ms=0), "init_timeout_ms", 0),
        (lambda: ChildSpec("a", START, significant=1, restart="temporary"), "significant", 1),
        (lambda: ChildSpec("a", START, backoff=1), "backoff", 1),
        (lambda: ChildSpec("a", Summer(), mailbox=1), "mailbox", 1),
        (lambda: ChildSpec("a", START, mailbox=Mailbox(1)), "mailbox", Mailbox(1)),
        (lambda: ChildSpec("a", START, name=""), "name", ""),
        (lambda: SupervisorSpec("", "one_for_one"), "name", ""),
        (lambda: SupervisorSpec("a", "one_for_two"), "strategy", "one_for_two"),
        (lambda: SupervisorSpec("a", "one_for_one", period_s=10**400), "period_s", 10**400),
        (lambda: SupervisorSpec("a", "one_for_one", intensity=-1), "intensity", -1),
        (lambda: SupervisorSpec("a", "one_for_one", intensity=True), "intensity", True),
        (lambda: SupervisorSpec("a", "one_for_one", period_s=0), "period_s", 0),
        (lambda: SupervisorSpec("a", "one_for_one", period_s=inf), "period_s", inf),
        (lambda: SupervisorSpec("a", "one_for_one", auto_shutdown="some"), "auto_shutdown", "some"),
        (lambda: SupervisorSpec("a", "one_for_one", max_children=3), "max_children", 3),
        (lambda: SupervisorSpec("a", "dynamic", max_quarantined=-3), "max_quarantined", -3),
        (lambda: SupervisorSpec("a", "dynamic", budget="free"), "budget", "free"),
        (lambda: SupervisorSpec("a", "dynamic", (ChildSpec("b", START),)), "children", "b"),
        (lambda: SupervisorSpec("a", "simple_one_for_one"), "children", 0),
        (lambda: SupervisorSpec("a", "one_for_one", (ChildSpec("b", START),) * 2), "id", "b"),
        (lambda: SupervisorSpec("a", "one_for_one", ("b",)), "children", "b"),
        (lambda: Mailbox(0), "mailbox.capacity", 0),
        (lambda: Mailbox(1, "explode"), "mailbox.overflow", "explode"),
        (lambda: Mailbox(1, redeliver=-1), "mailbox.redeliver", -1),
        (lambda: Mailbox(1, hung_after_ms=0), "mailbox.hung_after_ms", 0),
        (lambda: Backoff(-1, 2), "backoff.min_s", -1),
        (lambda: Backoff(3, 2), "backoff.max_s", 2),
        (lambda: Backoff(1, 2, reset_after_s=-1), "backoff.reset_after_s", -1),
    ],
)
def test_a_bad_value_is_named_with_its_field(make, field, value):
    with pytest.raises(SpecError, match=re.escape(field)) as caught:
        make()
    assert (caught.value.field, caught.value.value) == (field, value)
    assert isinstance(caught.value, ValueError)


def test_a_near_miss_is_suggested():
    with pytest.raises(SpecError, match="did you mean 'rest_for_one'"):
        SupervisorSpec("a", "rest_of_one")


def test_not_a_number_is_no_delay():
    with pytest.raises(SpecError):
        Backoff(nan, 1)


def test_check_childspecs_judges_children_by_themselves():
    check_childspecs([ChildSpec("a", START), ChildSpec("b", INNER, type="supervisor")])
    with pytest.raises(SpecError, match="more than one child"):
        check_childspecs([ChildSpec("a", START, name="n"), ChildSpec("b", START, name="n")])
    significant = ChildSpec("a", START, restart="transient", significant=True)
    check_childspecs([significant], "any_significant")
    with pytest.raises(SpecError, match="significant"):
        check_childspecs([significant])


@given(minimum=st.floats(0, 1e3), spread=st.floats(0, 1e6), failures=st.integers(-5, 10_000), jitter=st.booleans())
def test_a_delay_is_always_within_its_bounds(minimum, spread, failures, jitter):
    backoff = Backoff(minimum, minimum + spread, jitter=jitter)
    assert backoff.min_s <= backoff.delay(failures) <= backoff.max_s


@given(minimum=st.floats(0.001, 1e3), spread=st.floats(0, 1e6), failures=st.integers(0, 100))
def test_without_jitter_a_delay_doubles_up_to_its_maximum(minimum, spread, failures):
    backoff = Backoff(minimum, minimum + spread, jitter=False)
    assert backoff.delay(failures) == pytest.approx(min(backoff.max_s, minimum * 2**failures))


def test_the_reset_of_a_backoff_is_the_middle_of_its_bounds_unless_told():
    assert Backoff(1, 9).healthy_after_s == 5
    assert Backoff(1, 9, reset_after_s=0.5).healthy_after_s == 0.5


@given(steps=st.lists(st.floats(0, 10), max_size=60), intensity=st.integers(0, 8), period_s=st.floats(0.1, 20))
def test_the_window_holds_exactly_while_no_period_has_more_restarts_than_the_intensity(steps, intensity, period_s):
    window, times, now = RestartWindow(), [], 0.0
    for step in steps:
        now += step
        times.append(now)
        within = [time for time in times if time >= now - period_s]
        assert window.add(now, intensity, period_s) == (len(within) <= intensity)
        assert window.left(now, intensity, period_s) == intensity - len(within)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 30)), max_size=40))
def test_quarantines_count_distinct_children_of_the_last_minute(steps):
    window, latest, now = QuarantineWindow(), {}, 0.0
    for child, step in steps:
        now += step
        latest[child] = now
        assert window.add(f"{child}", now) == sum(at >= now - 60 for at in latest.values())


def test_how_many_quarantined_children_a_pool_bears():
    assert [quarantine_limit(None, children) for children in (1, 200, 1000)] == [10, 10, 50]
    assert quarantine_limit(3, 1000) == 3


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_each_example_of_the_readme_prints_what_stands_below_it(autojump_clock, capsys, number):
    code, printed = EXAMPLES[number]
    space = {}
    exec(compile(code.replace("trio.run(main)", ""), "README.md", "exec"), space)  # our own text
    await space["main"]()
    assert capsys.readouterr().out == printed


def test_every_python_block_of_the_readme_is_such_an_example():
    assert len(EXAMPLES) == README.count("```python") >= 3


def test_the_readme_names_every_call_of_a_supervisor():
    missing = [name for name in vars(Supervisor) if not name.startswith("_") and f"`{name}(" not in README]
    calls = [name for name in missing if f"`await {name}(" not in README and name not in {"path", "spec"}]
    assert calls == []
