"""Reads every import below `bot/` and `actors/` and holds it against the one-way doors and fences of the architecture.

It takes the root of a checkout, so that a test can hand it a tree with a wrong import, and knows nothing of pytest.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("bot", "actors")

# A room imports rooms of the rows above its own; rooms of one row never see each other.
ROWS: tuple[tuple[str, ...], ...] = (
    ("bot.errors", "bot.clock", "bot.log_streams"),
    ("bot.trading",),
    ("bot.analysis", "bot.pictures"),
    ("bot.ports", "bot.commands"),
    ("bot.execution",),
    ("bot.http_door", "bot.child_process"),
    (
        "bot.chain",
        "bot.market",
        "bot.storage",
        "bot.telegram",
        "bot.web",
        "bot.vault",
        "bot.control",
        "bot.systemd",
        "bot.recorder",
    ),
    ("actors",),
    ("bot.settings", "bot.logs", "bot.paths", "bot.profile_argument", "bot.status_text", "bot.trace_text"),
    ("bot.app",),
    ("bot.backtest",),
    ("bot.bar",),
    (
        "bot.top",
        "bot.database_faults",
        "bot.supervision.cli",
        "bot.keys_cli",
        "bot.config_cli",
        "bot.train_cli",
        "bot.backtest_cli",
        "bot.backups.cli",
        "bot.database_cli",
        "bot.sqlite_import",
        "bot.doctor_cli",
        "bot.drills.cli",
        "bot.export_cli",
        "bot.hand_over_cli",
    ),
    ("bot.web.dashboard",),
    ("bot.cli",),
    ("bot.__main__",),
)
ROW_OF = {room: number for number, row in enumerate(ROWS) for room in row}

# These two stand alone: they import nothing of ours, and only those who put the program together import them.
ALONE = {
    "actors.runtime": ("actors", "bot.app", "bot.backtest", "bot.cli"),
    "bot.localnet": ("bot.app", "bot.backtest", "bot.cli", "bot.database_faults"),
}

ACTORS_MAY_IMPORT = (
    "bot.trading",
    "bot.analysis",
    "bot.pictures",
    "bot.ports",
    "bot.commands",
    "bot.execution",
    "bot.errors",
    "bot.clock",
    "actors.runtime",
)
ACTORS_THAT_ROUTE = ("actors.desk",)

# Which file of such a room holds a name is the room's own matter: others import every name from the package.
BY_THE_FRONT = ("bot.ports",)

# Library -> where it may be imported.
FENCES: dict[str, tuple[str, ...]] = {
    "asyncio": ("bot.storage",),
    "uvloop": ("bot.storage.island",),
    "asyncpg": ("bot.storage",),
    "telegram": ("bot.telegram",),
    "cryptography": ("bot.vault",),
    "solders": ("bot.chain", "bot.vault", "bot.localnet"),
    "solana": ("bot.chain",),
    "spl": ("bot.chain",),
    "polars": ("bot.analysis", "bot.recorder", "bot.backtest"),
    "lightgbm": ("bot.analysis",),
    "numpy": ("bot.analysis.training",),
    "resvg_py": ("bot.pictures.process",),
    "time": ("bot.clock", "actors.runtime", "bot.localnet"),
    "random": ("bot.clock", "actors.runtime", "bot.localnet"),
}

_IMPURE = ("trio", "asyncio", "datetime", "time", "random", "logging", "structlog", "bot.clock")
_INPUT_OUTPUT = ("os", "pathlib", "socket", "subprocess", "threading", "tempfile")
PURE = {"bot.trading": _IMPURE + _INPUT_OUTPUT, "bot.analysis": ("trio", "asyncio", "logging", "structlog")}

ISLAND = "bot.storage.island"
HEAVY = ("lightgbm", "polars", "numpy", "resvg_py")
APP = "bot.app"
CLI = "bot.cli"
# Folders of the app's own parts, which are of its room as the files beside app.py are.
PARTS = ("bot.backups", "bot.drills", "bot.supervision")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module. `function` names the innermost function round the import, None at module level.

    A room is None for the bare packages, for what is not ours, and for folders that the architecture does not know.
    """

    importer: str
    target: str
    source_room: str | None
    target_room: str | None
    path: str
    line: int
    function: str | None
    typing_only: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """An import that breaks a rule; its text is file, line and the rule."""

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


def check(root: Path) -> list[Wrong]:
    """Every wrong import below `root`, in the order of files and lines."""
    imports = list(_imports(root))
    wrong = [Wrong(found.path, found.line, rule) for found in imports for rule in _broken_rules(found)]
    wrong += _off_the_island(imports)
    wrong += _heavy_at_start(imports)
    return sorted(wrong, key=lambda one: (one.path, one.line, one.rule))


def _imports(root: Path) -> Iterator[Import]:
    paths = {
        _module_of(path.relative_to(root)): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    for module, path in paths.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        tree = ast.parse(path.read_text("utf-8"), str(path))
        shown = path.relative_to(root).as_posix()
        for node, function, typing_only in _walk(tree, None, typing_only=False):
            for target in _targets(node, package, paths):
                rooms = _room_of(module, paths), _room_of(target, paths)
                yield Import(module, target, *rooms, shown, node.lineno, function, typing_only)


def _module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _walk(
    node: ast.AST, function: str | None, *, typing_only: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom | ast.Call, str | None, bool]]:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
        yield node, function, typing_only
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = node.name
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        typing_only = True
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, function, typing_only=typing_only)


def _targets(node: ast.Import | ast.ImportFrom | ast.Call, package: str, modules: Mapping[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        named = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        is_import = called in {"importlib.import_module", "import_module", "__import__"}
        return [named] if is_import and isinstance(named, str) else []
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        base = ".".join(parents[: len(parents) - node.level + 1] + ([node.module] if node.module else []))
    whole = {f"{base}.{name.name}" for name in node.names}
    return sorted({target if target in modules else base for target in whole})


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def _room_of(module: str, paths: Mapping[str, Path]) -> str | None:
    """The most specific room that a module belongs to; what is no room beside `app.py` or in one of PARTS is the app's."""
    rooms = [room for room in (*ROW_OF, *ALONE) if _within(module, room)]
    if not rooms and any(_within(module, part) for part in PARTS):
        return APP
    if not rooms and module in paths and paths[module].parent.name == "bot" and module != "bot":
        return APP
    return max(rooms, key=len, default=None)


def _broken_rules(found: Import) -> Iterator[str]:
    yield from _broken_fences(found)
    if not any(_within(found.target, package) for package in PACKAGES) or found.target in PACKAGES:
        return
    source, target = found.source_room, found.target_room
    if target in BY_THE_FRONT and source != target and found.target != target:
        yield f"{found.importer} may not import {found.target}: every name is in {target} itself"
    if found.importer in PACKAGES or source is None:
        yield f"{found.importer} belongs to no room: name it in tests/doors.py before it imports ours"
    elif target is None:
        yield f"{found.target} belongs to no room: name it in tests/doors.py"
    elif source == "actors":
        yield from _broken_actor_rules(found, target)
    elif source == target:
        return
    elif source in ALONE:
        yield f"{source} stands alone and may not import {found.target}"
    elif target in ALONE:
        if source not in ALONE[target]:
            yield f"{source} may not import {target}, only {', '.join(ALONE[target])} may"
    elif ROW_OF[target] >= ROW_OF[source]:
        siblings = " (siblings never see each other)" if ROW_OF[target] == ROW_OF[source] else ""
        yield f"{source} may not import {found.target}{siblings}"
    elif source == CLI and target == APP and "run" not in (found.function or ""):
        yield "bot.cli may import bot.app only inside the function that serves `run`"


def _broken_actor_rules(found: Import, target: str) -> Iterator[str]:
    if target == "actors":
        if found.importer not in ACTORS_THAT_ROUTE and found.target != found.importer:
            yield f"{found.importer} may not import {found.target}: actors are handed ports, only the desk routes"
    elif target not in ACTORS_MAY_IMPORT:
        yield f"{found.importer} may not import {found.target}: actors know rules and ports, never an adapter"


def _broken_fences(found: Import) -> Iterator[str]:
    library = found.target.partition(".")[0]
    fence = FENCES.get(library)
    if fence is not None and not any(_within(found.importer, room) for room in fence):
        yield f"{library} may be imported only in {', '.join(fence)}"
    for room, banned in PURE.items():
        if _within(found.importer, room) and any(_within(found.target, name) for name in banned):
            yield f"{room} is pure and may not import {found.target}"


def _off_the_island(imports: list[Import]) -> Iterator[Wrong]:
    """Besides the island itself asyncio belongs only into files that run on it, and those talk to the driver there."""
    on_island = {found.importer for found in imports if _within(found.target, "asyncpg")} | {ISLAND}
    for found in imports:
        if _within(found.target, "asyncio") and found.importer not in on_island:
            yield Wrong(found.path, found.line, f"asyncio belongs into {ISLAND} and files that run asyncpg on it")


def _heavy_at_start(imports: list[Import]) -> Iterator[Wrong]:
    """What the app loads, directly or through others, imports the heavy libraries inside functions at most."""
    at_start: dict[str, list[Import]] = {}
    for found in imports:
        # The app's own functions run while the bot starts.
        if not found.typing_only and (found.function is None or found.source_room == APP):
            at_start.setdefault(found.importer, []).append(found)
    loaded: set[str] = set()
    waiting = sorted({found.importer for found in imports if found.source_room == APP})
    while waiting:
        module = waiting.pop()
        if module in loaded:
            continue
        loaded.add(module)
        parent = module.rpartition(".")[0]
        waiting += [found.target for found in at_start.get(module, [])] + ([parent] if parent else [])
    for module in sorted(loaded):
        for found in at_start.get(module, []):
            if found.target.partition(".")[0] in HEAVY:
                yield Wrong(found.path, found.line, f"{found.target} would be loaded while the bot starts")
