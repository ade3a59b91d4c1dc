"""What differs between two supervision files, key by key, and from when on the new value would count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Literal

from actors.runtime.spec import DYNAMIC
from actors.runtime.supervision_check import Section
from actors.runtime.supervision_file import Supervision

When = Literal["at once", "at its next start", "by a restart of the whole tree"]

AT_ONCE: Final = "at once"
NEXT_START: Final = "at its next start"
RESTART_BOT: Final = "by a restart of the whole tree"

# What a running child was started with; every other key is looked up at the moment when it matters.
_AT_START: Final = frozenset({"init_timeout_ms", "mailbox"})


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs. `section` is its table, as `supervisor.money`; None stands for a key that is not there.

    A change that counts only by a restart cannot be reloaded.
    """

    section: str
    key: str
    old: object
    new: object
    when: When

    def __str__(self) -> str:
        return f"[{self.section}] {self.key}: {show(self.old)} -> {show(self.new)}, {self.when}"


def compare(old: Supervision, new: Supervision) -> tuple[Change, ...]:
    """Return what differs, in the order of the old file; empty when both say the same."""
    changes = list(_kind("supervisor", old.supervisors, new.supervisors))
    changes += _kind("actor", old.actors, new.actors)
    for kind in old.extras.keys() | new.extras.keys():
        before = {name: _keys(record) for name, record in old.extras.get(kind, {}).items()}
        after = {name: _keys(record) for name, record in new.extras.get(kind, {}).items()}
        changes += _kind(kind, before, after)
    return tuple(changes)


def show(value: object) -> str:
    """Return a value as the file would write it, so that two lines can be held against each other."""
    if value is None:
        return "(default)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show, value))}]"
    if is_dataclass(value) and not isinstance(value, type):
        keys = ((key, inner) for key, inner in _keys(value).items() if inner is not None)
        return f"{{ {', '.join(f'{key} = {show(inner)}' for key, inner in keys)} }}"
    return str(value)


def _keys(record: Any) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in fields(record)}


def _kind(kind: str, old: Mapping[str, Section], new: Mapping[str, Section]) -> Iterator[Change]:
    for name in old:
        if name not in new:
            yield Change(f"{kind}.{name}", "(the section)", "there", None, RESTART_BOT)
            continue
        before, after = old[name], new[name]
        for key in [*before, *(key for key in after if key not in before)]:
            was, will = before.get(key), after.get(key)
            if was != will:
                yield Change(f"{kind}.{name}", key, was, will, _when(key, was, will))
    for name in new:
        if name not in old:
            yield Change(f"{kind}.{name}", "(the section)", None, "there", RESTART_BOT)


def _when(key: str, was: object, will: object) -> When:
    if key == "children" and isinstance(was, list) and isinstance(will, list):
        # Another order counts from the next start or stop of these children; who belongs where is the tree itself.
        return AT_ONCE if sorted(was) == sorted(will) else RESTART_BOT
    if key in {"children", "template"} or (key == "strategy" and not DYNAMIC.isdisjoint((was, will))):
        return RESTART_BOT
    return NEXT_START if key in _AT_START else AT_ONCE
