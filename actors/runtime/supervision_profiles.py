"""The profiles of a supervision file: sections that say for one way of running what is otherwise than in general."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from actors.runtime.supervision_check import Fault, Sections, place_of, unknown
from actors.runtime.toml_places import Key, Place

PROFILE: Final = "profile"

Reading = tuple[Sections, Mapping[Key, Place]]
"""The sections of a file, and where each of their keys stands."""


class Profiles:
    """A file as it reads in general (None) and under each profile that it knows, with the faults of the overrides.

    `names` are the profiles that there are. Without any a profile in the file is a section like any other.
    """

    def __init__(
        self, raw: Sections, places: Mapping[Key, Place], names: tuple[str, ...], kinds: tuple[str, ...]
    ) -> None:
        self._places = places
        self._kinds = kinds
        self._general = {kind: sections for kind, sections in raw.items() if kind != PROFILE or not names}
        self.faults: list[Fault] = []
        self.readings: dict[str | None, Reading] = {None: (self._general, places)}
        for name, overrides in self._table((PROFILE,), raw.get(PROFILE, {})) if names else ():
            if name in names:
                self.readings[name] = self._overridden((PROFILE, name), overrides)
            else:
                self._fault((PROFILE, name), f"profile {name!r}, {unknown('a profile', name, names)}")

    def _fault(self, key: Key, text: str) -> None:
        self.faults.append((*place_of(self._places, key), text))

    def _table(self, key: Key, value: object) -> Iterable[tuple[str, Any]]:
        """The pairs of a table, none for what should have been one."""
        if isinstance(value, dict):
            return value.items()
        self._fault(key, f"must be a table: [{'.'.join(map(str, key))}]")
        return ()

    def _overridden(self, profile: Key, overrides: object) -> Reading:
        """The sections with the keys of one profile over them, each where the profile has it."""
        merged: dict[str, Any] = dict(self._general)
        places = dict(self._places)
        for kind, sections in self._table(profile, overrides):
            if kind not in self._kinds:
                self._fault((*profile, kind), f"unknown key {kind!r}, {unknown('a section', kind, self._kinds)}")
                continue
            there = self._general.get(kind, {})
            for name, keys in self._table((*profile, kind), sections):
                section: Key = (*profile, kind, name)
                if not isinstance(there, dict) or not isinstance(there.get(name), dict):
                    known = there if isinstance(there, dict) else ()
                    self._fault(section, f"[{kind}.{name}], {unknown('in the file to be overridden', name, known)}")
                    continue
                given = dict(self._table(section, keys))
                merged[kind] = {**merged[kind], name: {**there[name], **given}}
                for key in given:
                    _move(places, (*section, key))
        return merged, places


def _move(places: dict[Key, Place], written: Key) -> None:
    """Let an overridden key stand where the profile has it, with whatever is inside it."""
    general = written[2:]
    for key in [key for key in places if key[: len(general)] == general]:
        del places[key]
    for key, place in list(places.items()):
        if key[: len(written)] == written:
            places[key[2:]] = place
