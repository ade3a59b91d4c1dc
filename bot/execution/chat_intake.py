"""What a chat may send: how much of it, what of it may not wait, and what came too late. Decides and does nothing."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from bot.commands import BY_NAME, Command

BURST = 20  # messages of one chat at once, and one more each second
REMEMBERED = 10_000  # updates, groups and floods
LONGEST_NAME = 40  # characters of a text in which a command's name is looked for


@dataclass(slots=True)
class Recent:
    """The latest keys, up to a limit."""

    limit: int = REMEMBERED
    _keys: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def __contains__(self, key: int) -> bool:
        return key in self._keys

    def add(self, key: int) -> None:
        """Remember a key, and forget the oldest above the limit."""
        self._keys[key] = None
        if len(self._keys) > self.limit:
            self._keys.popitem(last=False)


@dataclass(slots=True)
class Flood:
    """What one chat may still send; `told` while a flood lasts that its sender knows of."""

    left: float = BURST
    at_s: float = 0.0
    told: bool = False

    def admits(self, now_s: float, *, crowded: bool) -> bool:
        """Judge one message at this second of trio's clock; `crowded` says that too many of its chat wait already."""
        self.left = min(self.left + now_s - self.at_s, BURST)
        self.at_s = now_s
        if crowded or self.left < 1:
            return False
        self.left -= 1
        if self.left > BURST // 2:
            self.told = False
        return True


@dataclass(slots=True)
class Floods:
    """Each chat's flood by its id; the chats that have been silent for longest are forgotten first."""

    _floods: OrderedDict[int, Flood] = field(default_factory=OrderedDict)

    def of(self, chat_id: int) -> Flood:
        flood = self._floods.setdefault(chat_id, Flood())
        self._floods.move_to_end(chat_id)
        if len(self._floods) > REMEMBERED:
            self._floods.popitem(last=False)
        return flood


def enters(text: str) -> bool:
    """Whether a text is a command that buys or lets something buy. What sells, pauses or only asks is not one."""
    words = text.split() or [""]
    command = _named(words[0])
    return command is not None and command.enters_with is not None and len(words) > command.enters_with


def is_urgent(text: str) -> bool:
    """Whether a text is a command that waits for nothing. Only its beginning is looked at, because it may be a flood's."""
    words = text[:LONGEST_NAME].split()
    command = _named(words[0]) if len(words) == 1 else None
    return command is not None and command.urgent


def _named(word: str) -> Command | None:
    """The command of a text's first word, as `/name` or `/name@bot`."""
    return BY_NAME.get(word[1:].partition("@")[0].lower()) if word.startswith("/") else None
