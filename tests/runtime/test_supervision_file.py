"""The tree as a file: refused whole with every fault in its place, or taken whole."""

import pytest

from actors.runtime import (
    Backoff,
    ChildSpec,
    Mailbox,
    SpecError,
    SupervisionError,
    SupervisorSpec,
    load_supervision,
    open_supervisor,
)
from actors.runtime.testing import Cast, Summer
from bot.supervision import sections as supervision_sections

GOOD = """\
[supervisor.root]
children = ["links", "money"]    # start order
intensity = 7

[supervisor.links]
strategy = "rest_for_one"
children = ["database"]
on_exhausted = "degraded"
backoff = { min_s = 15, max_s = 60 }

[supervisor.money]
strategy = "dynamic"
template = "executor"
max_children = 50

[actor.database]
init_timeout_ms = 500

[actor.executor]
restart = "transient"
shutdown_ms = "brutal_kill"
mailbox = { capacity = 64, overflow = "drop_oldest" }
"""


@pytest.fixture
def write(tmp_path):
    def writes(text):
        path = tmp_path / "supervision.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return writes


def faults(write, text):
    path = write(text)
    with pytest.raises(SupervisionError) as caught:
        load_supervision(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.lines]


def test_a_file_becomes_the_spec_of_its_root(write):
    cast = Cast()
    supervision = load_supervision(write(GOOD))
    assert supervision.static_actors() == ("database",)
    assert supervision.tree({"database": cast.steady}) == SupervisorSpec(
        "root",
        "one_for_one",
        (
            ChildSpec(
                "links",
                SupervisorSpec(
                    "links",
                    "rest_for_one",
                    (ChildSpec("database", cast.steady, init_timeout_ms=500),),
                    on_exhausted="degraded",
                ),
                type="supervisor",
                backoff=Backoff(15, 60),
            ),
            ChildSpec("money", SupervisorSpec("money", "dynamic", max_children=50), type="supervisor"),
        ),
        intensity=7,
    )


def test_a_template_gives_its_policy_to_each_child(write):
    actor = Summer()
    child = load_supervision(write(GOOD)).child("executor", id="w1", start=actor, name="wallet 1")
    assert child == ChildSpec(
        "w1",
        actor,
        restart="transient",
        shutdown_ms="brutal_kill",
        mailbox=Mailbox(64, "drop_oldest"),
        name="wallet 1",
    )


def test_a_wrong_template_or_start_is_refused(write):
    supervision = load_supervision(write(GOOD))
    with pytest.raises(SupervisionError, match="did you mean 'executor'"):
        supervision.child("executr", id="w1", start=Summer())
    with pytest.raises(SpecError, match="mailbox"):
        supervision.child("executor", id="w1", start=Cast().steady)
    with pytest.raises(SupervisionError) as caught:
        supervision.tree({"databse": Cast().steady})
    assert [line.partition(": ")[2] for line in caught.value.lines] == [
        "actor 'database' is in the file and has no start",
        "start 'databse', which is not a static actor; did you mean 'database'?",
    ]


def test_a_mailbox_for_a_start_that_takes_no_messages_is_refused(write):
    supervision = load_supervision(write(GOOD.replace("init_timeout_ms = 500", "mailbox = { capacity = 5 }")))
    with pytest.raises(SupervisionError, match="takes no messages"):
        supervision.tree({"database": Cast().steady})
    assert supervision.tree({"database": Summer()}).children[0].start.children[0].mailbox == Mailbox(5)


def test_every_fault_is_found_at_once_each_in_its_place(write):
    text = """\
[supervisor.root]
children = ["ops", "lnks",
  "a"]
intensty = 3
[supervisor.ops]
strategy = "one_for_al"
children = ["b"]
restart = "perm"
intensity = -1
period_s = "long"
[supervisor.links]
strategy = "dynamic"
children = ["a"]
[actor.a]
mailbox = { capacity = "x", overflw = 1 }
backoff = { min_s = -1, max_s = -3 }
shutdown_ms = "forever"
[actor.b]
mailbox = { overflow = "reject" }
"a.b" = 1
[actors.c]
"""
    assert faults(write, text) == [
        "2:20: child 'lnks', which is not a supervisor or an actor; did you mean 'links'?",
        "4:1: unknown key 'intensty', which is not a key of supervisors; did you mean 'intensity'?",
        "6:1: strategy = 'one_for_al': must be one of one_for_one, one_for_all, rest_for_one, dynamic, "
        "simple_one_for_one; did you mean 'one_for_all'?",
        "8:1: restart = 'perm': must be one of permanent, transient, temporary; did you mean 'permanent'?",
        "9:1: intensity = -1: must be 0 or more",
        "10:1: period_s = 'long': must be seconds",
        "11:1: 'links' is in no supervisor's children and is no template",
        "11:1: dynamic supervisor 'links' needs template = \"<actor section>\"",
        "13:1: a dynamic supervisor begins with none; it takes a template",
        "15:13: mailbox.capacity = 'x': must be a whole number",
        "15:29: unknown key 'overflw', which is not a key of mailbox; did you mean 'overflow'?",
        "16:13: backoff.min_s = -1: must be seconds, 0 or more",
        "16:25: backoff.max_s = -3: must be seconds, min_s (0) or more",
        "17:1: shutdown_ms = 'forever': must be one of brutal_kill, infinity",
        "19:1: mailbox needs capacity",
        "20:1: unknown key 'a.b', which is not a key of actors",
        "21:1: unknown key 'actors', which is not a section; did you mean 'actor'?",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[supervisor.root\n", "1:17: Expected ']' at the end of a table declaration"),
        ('[supervisor.root]\nchildren = ["a"', "2:1: Unclosed array"),
        ("a = 1\na = 2\n", "2:6: Cannot overwrite a value"),
    ],
)
def test_malformed_toml_is_told_with_its_line(write, text, fault):
    assert faults(write, text) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: there is no [supervisor.root]"),
        ("[supervisor]\nroot = 3", "2:1: must be a table: [supervisor.root]"),
        ("actor = 3\n[supervisor.root]", "1:1: actor must be tables: [actor.<name>]"),
        ("[supervisor.root]\nchildren = 'a'", "2:1: children must be a list of names"),
        ("[supervisor.root]\nchildren = ['root']", "2:13: 'root' cannot be a child"),
        ("[supervisor.root]\nchildren = ['a', 'a']\n[actor.a]", "2:18: 'a' is a child of 'root' already"),
        ("[supervisor.root]\ntemplate = 'a'\n[actor.a]", "2:1: template belongs to a dynamic supervisor"),
        (
            "[supervisor.root]\nmax_children = 3",
            "2:1: max_children = 3: belongs to the dynamic strategies, not to one_for_one",
        ),
        (
            "[supervisor.root]\nauto_shutdown = 'any_significnt'",
            "2:1: auto_shutdown = 'any_significnt': must be one of never, any_significant, all_significant; "
            "did you mean 'any_significant'?",
        ),
        (
            "[supervisor.root]\nchildren = ['a']\n[actor.a]\nrestart = 'transient'\nsignificant = true",
            "5:1: significant means nothing while 'root' has no auto_shutdown",
        ),
        ("[supervisor.root]\n[actor.a]", "2:1: 'a' is in no supervisor's children and is no template"),
        ("[supervisor.root]\n[actor.root]", "2:1: 'root' is a supervisor and an actor"),
        (
            "[supervisor.root]\nstrategy = 'dynamic'\ntemplate = 'exe'\n[actor.exec]",
            "3:1: template 'exe', which is not an actor; did you mean 'exec'?",
        ),
        ("[supervisor.root]\nstrategy = 'simple_one_for_one'", "2:1: in a file, write `dynamic` with a template"),
        ("[supervisor.root]\nbackoff = 3", "2:1: backoff must be a table: { ... }"),
    ],
)
def test_each_rule_has_its_line(write, text, fault):
    assert fault in faults(write, text)


def test_supervisors_that_hold_each_other_are_told_as_a_circle(write):
    text = "[supervisor.root]\n[supervisor.a]\nchildren = ['b']\n[supervisor.b]\nchildren = ['a']\n"
    assert faults(write, text) == ["3:1: these supervisors hold each other: a -> b -> a"]


def test_a_key_is_found_behind_long_strings_comments_and_dotted_names(write):
    text = '''\
# a = 1 [x]
[supervisor.root]
on_exhausted = """a
[no.header] = {"""
children = [ # first
  'a', "b" ]
[actor]
a.backoff.min_s = 1
a.backoff."mx_s" = 2
b.mailbox = { capacity = 1, "overflow" = "rejct" }
'''
    assert faults(write, text) == [
        "8:1: backoff needs max_s",
        "9:1: unknown key 'mx_s', which is not a key of backoff; did you mean 'max_s'?",
        "10:29: mailbox.overflow = 'rejct': must be one of block, reject, drop_oldest, conflate; did you mean 'reject'?",
    ]


async def test_the_bots_own_tree_starts_with_stand_ins_for_its_actors(autojump_clock):
    cast = Cast()
    supervision = supervision_sections.load(supervision_sections.SHIPPED, "local")
    starts = {
        name: Summer() if "mailbox" in supervision.actors[name] else cast.steady for name in supervision.static_actors()
    }
    async with open_supervisor(supervision.tree(starts), report=pytest.fail) as sup:
        order = [child.id for child in sup.which_children()]
        assert order == ["ops", "links", "guard", "money", "hunt"]
        assert sup.child("money").spec.on_exhausted == "critical"
        await sup.child("money").child("executors").start_child(supervision.child("executor", id="w1", start=Summer()))
