"""What the source itself must keep to: lengths, errors that nobody swallows, one clock, and no name of a machine.

Each rule is a function from a parsed file to the lines that break it, so that a test can try it on a few lines of text.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from bot.commands import COMMANDS

ROOT = Path(__file__).parent.parent
CODE = ("bot", "actors", "tests")
PRODUCT = ("bot", "actors")

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400

# "file" or "file:function" -> why it may be longer.
LONGER: dict[str, str] = {}

# Randomness that makes secrets is no chance that a seed could repeat; it has rooms of its own.
SECRETS = ("bot/vault/", "bot/storage/", "bot/localnet/", "bot/web/dashboard/sessions.py")
# Wall time and fresh identifiers come from here and are handed on.
CLOCKS = ("bot/clock.py", "actors/runtime/", "bot/localnet/")

_WALL_CLOCK = re.compile(r"(^|\.)(now|utcnow|today)$|^time\.|^uuid\.uuid[14]$|^uuid[14]$")
_SECRET = re.compile(r"^secrets\.|^token_(bytes|hex|urlsafe)$|(^|\.)urandom$")

# Written in halves, because this file is read too.
_REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "ruby" + "gems.org",
    "anaconda" + ".org",
    "docker" + ".io",
    "ghcr" + ".io",
]
_MACHINE_PATHS = re.compile("/" + r"(work|root|home/\w+|Users/\w+)" + r"/\w")
_BUILT = {"__pycache__", "build"}
_TEXT = {".py", ".md", ".toml", ".lock", ".sql", ".c", ".h", ".service", ".sh", ".yml", ".yaml", ".cfg", ".json", ""}

Rule = Callable[[ast.Module], Iterator[tuple[int, str]]]


@functools.cache
def _sources(folders: tuple[str, ...]) -> dict[str, ast.Module]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"), str(path)) for path in paths}


def _texts() -> Iterator[tuple[str, str]]:
    """Every text file of the checkout, hidden folders and build results apart, and what CI runs."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name == ".ci" or not (name.startswith(".") or name in _BUILT))
        for path in sorted(Path(folder, name) for name in names):
            if path.suffix in _TEXT and not folder.endswith(".egg-info"):
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def _broken(rule: Rule, folders: tuple[str, ...], excused: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{line}: {told}"
        for name, tree in _sources(folders).items()
        if not name.startswith(excused)
        for line, told in rule(tree)
    ]


def swallowed_errors(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """A broad `except` must raise, hand the error it caught to somebody, or write it to the log with its traceback."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _keeps_error(node):
            yield node.lineno, "a broad except neither raises nor hands the error on"
        if _is_call_of(node, "suppress") and any(_is_broad(argument) for argument in node.args):
            yield node.lineno, "suppress() of every error hides those that nobody thought of"


def _is_call_of(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name


def _is_broad(caught: ast.expr | None) -> bool:
    named = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(one is None or ast.unparse(one) in {"Exception", "BaseException"} for one in named)


def _keeps_error(handler: ast.ExceptHandler) -> bool:
    for statement in handler.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Raise) or _is_call_of(node, "exception"):
                return True
            # A record that somebody reads: the error goes into a call, a variable that outlives the block, or a result.
            if isinstance(node, ast.Call | ast.Assign | ast.Return | ast.Yield) and _mentions(node, handler.name):
                return True
    return False


def _mentions(node: ast.AST, name: str | None) -> bool:
    return name is not None and any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def wall_clock(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls that ask the machine for the time or for an identifier of its own making."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _WALL_CLOCK.search(ast.unparse(node.func)):
            yield node.lineno, f"{ast.unparse(node.func)}() asks the machine; take a bot.clock.Clock"


def secret_randomness(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls that draw secret bytes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _SECRET.search(ast.unparse(node.func)):
            yield node.lineno, f"{ast.unparse(node.func)}() makes secrets outside of the rooms that keep them"


def long_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Functions of more than 70 lines, decorators apart."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines, {FUNCTION_LINES_MAX} is the limit"


def test_functions_fit_on_a_page() -> None:
    found = [told for told in _broken(long_functions, CODE) if not _is_excused(told)]
    assert not found, "\n".join(found)


def _is_excused(told: str) -> bool:
    name, _, rest = told.partition(":")
    return f"{name}:{rest.split(': ')[1].split(' ')[0]}" in LONGER


def test_files_are_about_one_thing() -> None:
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in _sources(CODE)}
    found = [f"{name} has {n} lines" for name, n in lengths.items() if n > FILE_LINES_MAX and name not in LONGER]
    assert not found, "\n".join(found)


def test_every_excuse_is_still_needed() -> None:
    sources = _sources(CODE)
    for excused in LONGER:
        name, _, function = excused.partition(":")
        assert name in sources, excused
        if function:
            assert any(f"{function} has" in told for _, told in long_functions(sources[name])), excused
        else:
            assert len((ROOT / name).read_text("utf-8").splitlines()) > FILE_LINES_MAX, excused


def test_no_broad_except_swallows_an_error() -> None:
    assert not _broken(swallowed_errors, PRODUCT)


def test_time_and_identifiers_come_from_one_clock() -> None:
    assert not _broken(wall_clock, PRODUCT, CLOCKS)


def test_secrets_are_made_where_they_are_kept() -> None:
    assert not _broken(secret_randomness, PRODUCT, SECRETS)


def test_no_file_names_a_package_registry() -> None:
    found = [f"{name} names {host}" for name, text in _texts() for host in _REGISTRIES if host in text]
    assert not found, "\n".join(found)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if _MACHINE_PATHS.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_papers_name_every_command() -> None:
    papers = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "runbooks").rglob("*.md")]
    written = "\n".join(path.read_text("utf-8") for path in papers if path.is_file())
    missing = [f"/{one.name}" for one in COMMANDS if not re.search(rf"/{one.name}\b", written)]
    assert not missing


@pytest.mark.parametrize(
    "block",
    [
        "except Exception:\n    pass",
        "except:\n    count += 1",
        "except BaseException as error:\n    del error",
        "except (ValueError, Exception):\n    log.warning('no')",
        "except Exception as error:\n    log.warning('it failed')",
        "else:\n    pass\nfinally:\n    pass\nwith suppress(Exception):\n    work()",
    ],
)
def test_a_swallowed_error_is_found(block: str) -> None:
    before = "try:\n    work()\n" + ("except KeyError:\n    pass\n" if block.startswith("else") else "")
    assert list(swallowed_errors(ast.parse(before + block)))


@pytest.mark.parametrize(
    "block",
    [
        "except Exception:\n    undo()\n    raise",
        "except Exception as error:\n    raise StartupError('no') from error",
        "except Exception as error:\n    failures.append(error)",
        "except Exception as error:\n    first = error",
        "except Exception:\n    log.exception('it failed')",
        "except ValueError:\n    pass",
    ],
)
def test_an_error_that_is_handed_on_passes(block: str) -> None:
    assert not list(swallowed_errors(ast.parse("try:\n    work()\n" + block)))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (wall_clock, "datetime.datetime.now(UTC)"),
        (wall_clock, "date.today()"),
        (wall_clock, "uuid.uuid4()"),
        (wall_clock, "uuid4()"),
        (secret_randomness, "os.urandom(8)"),
        (secret_randomness, "secrets.token_bytes(8)"),
    ],
)
def test_a_call_that_asks_the_machine_is_found(rule: Rule, line: str) -> None:
    assert list(rule(ast.parse(line)))


def test_a_long_function_is_named() -> None:
    tree = ast.parse("def long():\n" + "    pass\n" * FUNCTION_LINES_MAX)
    assert list(long_functions(tree)) == [
        (1, f"long has {FUNCTION_LINES_MAX + 1} lines, {FUNCTION_LINES_MAX} is the limit")
    ]
