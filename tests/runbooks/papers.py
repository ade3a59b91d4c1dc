"""What the operator's papers tell people to type, read from their text: command lines, and words of the chat."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "runbooks"
PAPERS = [*sorted(RUNBOOKS.glob("*.md")), ROOT / "deploy" / "README.md"]

_BLOCK = re.compile(r"^(?: {4}|\t| {7})\s*(\S.*)$")
_INLINE = re.compile(r"`([^`\n]+)`")
_OURS = re.compile(r"(?:^|(?<=\s)|(?<=/bin/)|(?<=as-unit\.sh ))(?=bot(?:\s|$))")
_BY_UNIT = re.compile(r"as-unit\.sh (?!bot\b)(?=[a-z])")  # which is given the verb alone
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


@dataclass(frozen=True, slots=True)
class Typed:
    """One call of `bot` as a paper has it; `words` are its arguments, `expects` the comment behind it."""

    paper: str
    line: int
    words: tuple[str, ...]
    whole: bool  # on a line of its own, and so to be typed as it stands
    expects: str = ""

    def __str__(self) -> str:
        return f"{self.paper}:{self.line}: bot {shlex.join(self.words)}"


def commands(paper: Path) -> Iterator[Typed]:
    """Every call of `bot` in a paper."""
    name = str(paper.relative_to(ROOT))
    for number, line in enumerate(paper.read_text("utf-8").splitlines(), 1):
        if (block := _BLOCK.match(line)) and (found := _call(block[1], name, number, whole=True)):
            yield found
        else:
            for inline in _INLINE.findall(line):
                if inline.startswith("bot ") and (found := _call(inline, name, number, whole=False)):
                    yield found


def try_it(page: str) -> list[Typed]:
    """The commands of a page's section "Try it", in their order."""
    text = (RUNBOOKS / page).read_text("utf-8")
    begins = text[: text.index("## Try it")].count("\n") + 1
    return [one for one in commands(RUNBOOKS / page) if one.whole and one.line > begins]


def shell_lines(paper: Path) -> Iterator[str]:
    """Every line of a paper's blocks that calls something else than `bot`, without its comment."""
    for line in paper.read_text("utf-8").splitlines():
        if (block := _BLOCK.match(line)) and not _OURS.search(_BY_UNIT.sub("as-unit.sh bot ", block[1])):
            yield block[1].partition(" #")[0].strip()


def spoken_lines(paper: Path) -> Iterator[str]:
    """The commands of the chat that a paper names, with their slash."""
    return (f"/{name}" for name in spoken(paper))


def spoken(paper: Path) -> Iterator[str]:
    """The commands of the chat that a paper names, without their slash; paths of doors are none."""
    for inline in _INLINE.findall(paper.read_text("utf-8")):
        if match := re.match(r"/([a-z_]+)(?:\s|$)", inline):
            yield match[1]


def _call(text: str, paper: str, line: int, *, whole: bool) -> Typed | None:
    text, _, comment = text.partition(" #")
    text = _BY_UNIT.sub("as-unit.sh bot ", text)
    if not (match := _OURS.search(text)):
        return None
    before = text[: match.start()].split()
    if whole and any(not _ASSIGNMENT.fullmatch(word) and "/" not in word for word in before):
        return None  # prose, or an argument of something else
    words = shlex.split(re.split(r"[|;>]|&&", text[match.start() :])[0].replace("...", "x"))
    return Typed(paper, line, tuple(words[1:]), whole, comment.strip())
