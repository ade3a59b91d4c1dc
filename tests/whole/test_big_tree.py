"""`bot supervisor status` of a supervisor with hundreds of children stays short, and names those in trouble."""

import pytest
import trio

from actors.runtime import Actor, Backoff, ChildSpec, SupervisorSpec, open_supervisor
from bot.status_text import tree_text
from bot.tree_record import LISTED_MAX, part_of_tree, whole_tree

MANY = LISTED_MAX + 100
LEVEL = 1


class Tracker(Actor):
    async def handle(self, ctx, state, message):
        raise ValueError(message)


def tree():
    template = ChildSpec("tracker", Tracker, backoff=Backoff(5, 5, jitter=False))
    crowd = SupervisorSpec("crowd", "simple_one_for_one", (template,))
    return SupervisorSpec("root", "one_for_one", (ChildSpec("crowd", crowd, type="supervisor"),))


def wall_ms(at_s):
    return round(at_s * 1000)


def unread(_report):
    pass


async def crowd_of(root):
    crowd = root.child("crowd")
    for number in range(MANY):
        await crowd.start_child(str(number))
    return crowd


async def test_a_crowd_is_counted_and_who_is_in_trouble_is_listed_first(autojump_clock):
    async with open_supervisor(tree(), report=unread) as root:
        crowd = await crowd_of(root)
        late = str(MANY - 1)
        crowd.ref(late).tell("boom")
        await trio.testing.wait_all_tasks_blocked()
        told = whole_tree([root], LEVEL, wall_ms)
        node = part_of_tree([root], "root/crowd", LEVEL, wall_ms)
        assert told["children"][0]["children"] == [node]
        assert len(node["children"]) == LISTED_MAX
        assert (node["children"][0]["name"], node["children"][-1]["name"]) == ("0", late)
        assert node["children"][-1]["state"] == "restarting"
        assert node["unlisted"] == {"running": MANY - LISTED_MAX}
        text = tree_text({"sentence": "", "level": LEVEL, "causes": [], "tree": told})
        assert "      and 100 more: 100 running" in text
        assert f"{late}  restarting" in text


async def test_one_of_a_crowd_is_shown_by_its_path_whether_it_is_listed_or_not(autojump_clock):
    async with open_supervisor(tree(), report=unread) as root:
        await crowd_of(root)
        for number in (0, MANY - 1):
            path = "/".join(("bot", "root", "crowd", str(number)))
            node = part_of_tree([root], path, LEVEL, wall_ms)
            assert (node["name"], node["state"]) == (str(number), "running")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nobody", "there is no 'nobody' below bot; there is root"),
        ("root/nobody", "there is no 'nobody' below root; there is crowd"),
        ("root/crowd/0/deeper", "nothing lies below root/crowd/0: it is no supervisor that runs"),
    ],
)
async def test_a_path_to_nowhere_is_told_what_there_is(autojump_clock, path, told):
    async with open_supervisor(tree(), report=unread) as root:
        await crowd_of(root)
        with pytest.raises(LookupError) as error:
            part_of_tree([root], path, LEVEL, wall_ms)
        assert str(error.value).startswith(told)


async def test_a_short_tree_is_listed_whole(autojump_clock):
    async with open_supervisor(tree(), report=unread) as root:
        await root.child("crowd").start_child("0")
        node = part_of_tree([root], "root/crowd", LEVEL, wall_ms)
        assert [child["name"] for child in node["children"]] == ["0"]
        assert node["unlisted"] == {}
        assert "more:" not in tree_text({"sentence": "", "level": LEVEL, "causes": [], "tree": node})
