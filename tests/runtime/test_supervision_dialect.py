"""A supervision file with its reader's own sections and profiles, and what differs between two files."""

from dataclasses import dataclass

import pytest

from actors.runtime import Dialect, SpecError, SupervisionError, Table, compare, read_supervision
from actors.runtime.testing import Cast, Summer


@dataclass(frozen=True, slots=True)
class Gauge:
    most: int

    def __post_init__(self):
        if not isinstance(self.most, int):
            raise SpecError("gauge.most", self.most, "must be a whole number")


@dataclass(frozen=True, slots=True)
class Pump:
    rate: int
    gauge: Gauge
    note: str = ""

    def __post_init__(self):
        if self.rate not in range(1, 10):
            raise SpecError("rate", self.rate, "must be 1 to 9")


PUMP = Table(
    Pump, ("rate", "gauge", "note"), {"rate": 1, "gauge": Gauge(1)}, {"gauge": Table(Gauge, ("most",), {"most": 1})}
)


def loud(supervision):
    if supervision.extras["pump"]["main"].note == "loud":
        yield ("pump", "main", "note"), "not at night"


DIALECT = Dialect({"pump": {"main": PUMP, "spare": PUMP}}, ("day", "night"), ("stop", "go on"), loud)

GOOD = """\
[supervisor.root]
strategy = "one_for_all"
children = ["a", "many"]
on_exhausted = "stop"
[supervisor.many]
strategy = "dynamic"
template = "one"
[actor.a]
shutdown_ms = 10
[actor.one]
backoff = { min_s = 1, max_s = 2 }
[pump.main]
rate = 3
gauge = { most = 7 }
[pump.spare]
rate = 4
gauge = { most = 8 }
[profile.night.pump.spare]
rate = 9
[profile.night.actor.a]
shutdown_ms = 99
"""


def read(text=GOOD, profile=None):
    return read_supervision("f", text, DIALECT, profile)


def faults(text):
    with pytest.raises(SupervisionError) as caught:
        read(text)
    return [line.removeprefix("f:") for line in caught.value.lines]


def test_sections_of_ones_own_become_records_and_a_profile_overrides_any_key():
    assert read().extras["pump"] == {"main": Pump(3, Gauge(7)), "spare": Pump(4, Gauge(8))}
    night = read(profile="night")
    assert night.extras["pump"] == {"main": Pump(3, Gauge(7)), "spare": Pump(9, Gauge(8))}
    assert (read().actors["a"]["shutdown_ms"], night.actors["a"]["shutdown_ms"]) == (10, 99)
    assert read(profile="day") == read()


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (("[pump.main]\nrate = 3", "[pump.main]\nrate = 30"), "13:1: rate = 30: must be 1 to 9"),
        (
            ("[pump.main]\nrate = 3", "[pump.main]\nrat = 3"),
            "13:1: unknown key 'rat', which is not a key of pump.main; did you mean 'rate'?",
        ),
        (("[pump.main]\nrate = 3\n", "[pump.main]\n"), "12:1: pump.main needs rate"),
        (("most = 7", "most = 'x'"), "14:11: gauge.most = 'x': must be a whole number"),
        (("most = 7", "mst = 7"), "14:11: unknown key 'mst', which is not a key of gauge; did you mean 'most'?"),
        (("{ most = 7 }", "7"), "14:1: gauge must be a table: { ... }"),
        (("[pump.main]", "[pump.mane]"), "12:1: [pump.mane], which is not a pump; did you mean 'main'?"),
        (("[pump.main]", "[pump.mane]"), "12:1: there is no [pump.main]"),
        (("[pump.main]", "[pum.main]"), "12:1: unknown key 'pum', which is not a section; did you mean 'pump'?"),
        (("rate = 9", "rate = 90"), "19:1: rate = 90: must be 1 to 9"),
        (("shutdown_ms = 99", "shutdown_ms = -9"), "21:1: shutdown_ms = -9: must be 0 or more"),
        (
            ("profile.night.pump.spare", "profile.nigh.pump.spare"),
            "18:1: profile 'nigh', which is not a profile; did you mean 'night'?",
        ),
        (
            ("profile.night.pump.spare", "profile.night.pum.spare"),
            "18:1: unknown key 'pum', which is not a section; did you mean 'pump'?",
        ),
        (
            ("profile.night.pump.spare", "profile.night.pump.spar"),
            "18:1: [pump.spar], which is not in the file to be overridden; did you mean 'spare'?",
        ),
        (
            ("[profile.night.pump.spare]\nrate = 9", "[profile.night]\npump = 3"),
            "19:1: must be a table: [profile.night.pump]",
        ),
        (
            ('on_exhausted = "stop"', 'on_exhausted = "stopp"'),
            "4:1: on_exhausted = 'stopp': must be one of stop, go on; did you mean 'stop'?",
        ),
        (("rate = 3", "rate = 3\nnote = 'loud'"), "14:1: not at night"),
    ],
)
def test_each_fault_of_a_section_of_ones_own_has_its_place(edit, fault):
    assert edit[0] in GOOD
    assert fault in faults(GOOD.replace(*edit))


def test_a_profile_is_an_unknown_section_where_the_reader_knows_none():
    with pytest.raises(SupervisionError, match="unknown key 'profile', which is not a section"):
        read_supervision("f", "[supervisor.root]\n[profile.night.supervisor.root]\nintensity = 3\n")


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (("shutdown_ms = 10", "shutdown_ms = 11"), ["[actor.a] shutdown_ms: 10 -> 11, at once"]),
        (
            ("max_s = 2", "max_s = 3"),
            [
                "[actor.one] backoff: { min_s = 1, max_s = 2, jitter = true } -> { min_s = 1, max_s = 3, jitter = true }, at once"
            ],
        ),
        (
            ("shutdown_ms = 10", "init_timeout_ms = 5"),
            [
                "[actor.a] shutdown_ms: 10 -> (default), at once",
                "[actor.a] init_timeout_ms: (default) -> 5, at its next start",
            ],
        ),
        (('["a", "many"]', '["many", "a"]'), ['[supervisor.root] children: ["a", "many"] -> ["many", "a"], at once']),
        (("one_for_all", "rest_for_one"), ['[supervisor.root] strategy: "one_for_all" -> "rest_for_one", at once']),
        (("rate = 4", "rate = 5"), ["[pump.spare] rate: 4 -> 5, at once"]),
    ],
)
def test_what_differs_is_said_line_by_line_with_when_it_counts(edit, changes):
    assert edit[0] in GOOD
    assert [str(change) for change in compare(read(), read(GOOD.replace(*edit)))] == changes


def test_who_is_there_is_no_matter_of_a_reload():
    text = GOOD.replace('["a", "many"]', '["a", "many", "b"]') + "[actor.b]\n"
    assert [(one.section, one.when) for one in compare(read(), read(text))] == [
        ("supervisor.root", "by a restart of the whole tree"),
        ("actor.b", "by a restart of the whole tree"),
    ]


def test_a_child_made_by_one_file_is_refitted_by_another():
    one = read().child("one", id="1", start=Cast().steady)
    other = read(GOOD.replace("max_s = 2", "max_s = 3"))
    assert other.refit(one) == other.child("one", id="1", start=one.start)
    assert other.refit(one).template == "one"
    with pytest.raises(SpecError, match="mailbox"):
        read(GOOD.replace("[actor.one]\n", "[actor.one]\nmailbox = { capacity = 3 }\n")).refit(one)
    assert read(GOOD.replace("[actor.one]\n", "[actor.one]\nmailbox = { capacity = 3 }\n")).child(
        "one", id="s", start=Summer()
    )
