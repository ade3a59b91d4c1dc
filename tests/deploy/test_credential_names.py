"""The names of credentials are a promise to every installation: its files in /etc/credstore keep them over all upgrades.

A name that only one side changes, the units or the papers or the program, finds no file, and a unit that waits for the master
key or for the backups' key then does not start. So each side is held against the one list that is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import Settings, load
from bot.web.dashboard.sessions import token_file

ROOT = Path(__file__).parents[2]

# An installation of before has these: never rename one. A new credential is added; one that is not asked for any more goes.
# With the setting that names each; None is for one that its reader knows by this name alone.
NAMES = {
    "backup-key": "backup.key_file",
    "fernet-key": "wallets.fernet_key_file",
    "heartbeat-url": "alerts.heartbeat_url_file",
    "master-key": "wallets.master_key_file",
    "operator-chat": None,
    "telegram-token": "telegram.token_file",
    "web-token": None,
    "webhook-url": "alerts.webhook_url_file",
}
OF_UNITS = {
    "trading-bot.service": {"master-key"},
    "trading-bot-vault.service": {"master-key"},
    "trading-bot-web.service": {"web-token"},
    "trading-bot-backup.service": {"backup-key"},
    "trading-bot-failed.service": {"webhook-url", "telegram-token", "operator-chat"},
    "trading-bot-backup-failed.service": {"webhook-url", "telegram-token", "operator-chat"},
}

_LOADED = re.compile(r"LoadCredential=([^:\s]+):([^\s\"`]+)")
_STORED = re.compile(r"/etc/credstore/trading-bot\.([\w.-]*\w)")
_WRITTEN = re.compile(r"\btrading-bot\.([\w.-]*-(?:key|token|url|chat))\b")
_SET = re.compile(r"\bBOT_([A-Z]+)__([A-Z_]+_FILE)=([\w.-]+)(?![\w./-])")
_ASKED = re.compile(r'credential\(folder, "([^"]+)"\)')


def _texts() -> Iterator[tuple[str, str]]:
    """Everything that a person installs by or reads while he does."""
    folders = (ROOT / "deploy", ROOT / "runbooks", ROOT / "docs")
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix != ".png"]
    for path in [*files, *(ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")


def _named(text: str) -> set[str]:
    """The names of credentials in a text; one that is written beside the one in force ends with .new."""
    found = {one.removesuffix(".new") for pattern in (_STORED, _WRITTEN) for one in pattern.findall(text)}
    for name, stored in _LOADED.findall(text):
        assert stored in (f"trading-bot.{name}", "trading-bot.$name"), f"{name} is read from {stored}"
        if "$" not in name:
            found.add(name)
    return found | {value for _, _, value in _SET.findall(text)}


def test_units_scripts_and_papers_know_these_credentials_and_no_others() -> None:
    told = {place: _named(text) for place, text in _texts()}
    assert {place: sorted(names - NAMES.keys()) for place, names in told.items() if names - NAMES.keys()} == {}
    assert set().union(*told.values()) == set(NAMES), "a name that nobody is told of"


@pytest.mark.parametrize("unit", OF_UNITS)
def test_a_unit_is_handed_what_it_was_handed_before(unit: str) -> None:
    text = (ROOT / "deploy" / unit).read_text(encoding="utf-8")
    assert {name for name, _ in _LOADED.findall(text)} == OF_UNITS[unit]


def test_no_other_unit_is_handed_any() -> None:
    others = {path.name for path in (ROOT / "deploy").glob("*.service")} - OF_UNITS.keys()
    assert others == set()


def test_each_setting_that_names_a_credential_is_there_and_takes_the_one_that_is_handed_over() -> None:
    said = {(section, key, value) for _, text in _texts() for section, key, value in _SET.findall(text)}
    for section, key, value in said:
        assert NAMES[value] == f"{section}.{key}".lower()
    for name, setting in NAMES.items():
        if setting is None:
            continue
        section, _, key = setting.partition(".")
        variable = f"BOT_{section}__{key}".upper()
        assert variable in {f"BOT_{one}__{other}" for one, other, _ in said}, f"nobody is told of {variable}"
        chosen: Settings = load(None, {variable: name, "CREDENTIALS_DIRECTORY": "/run/credentials/x"})
        assert getattr(getattr(chosen, section), key) == Path("/run/credentials/x") / name


def test_the_dashboard_finds_its_token_among_the_credentials(tmp_path: Path) -> None:
    (tmp_path / "web-token").write_text("t" * 40 + "\n")
    (tmp_path / "web-token").chmod(0o600)
    assert token_file(None, tmp_path / "data", str(tmp_path)) == (tmp_path / "web-token", False)


def test_whoever_tells_of_a_failure_asks_for_what_his_unit_is_handed() -> None:
    text = (ROOT / "deploy" / "tell_failed.py").read_text(encoding="utf-8")
    assert set(_ASKED.findall(text)) == OF_UNITS["trading-bot-failed.service"]


@pytest.mark.parametrize(
    "text",
    [
        "LoadCredential=backup-key:trading-bot.backups-key",
        "LoadCredential=backups-key:trading-bot.backups-key",
        "[ ! -f /etc/credstore/trading-bot.backups.taking-key ] || true",
        "the credential `trading-bot.console-token`",
        "BOT_BACKUP__KEY_FILE=backups-key",
    ],
)
def test_a_name_that_one_side_alone_has_is_seen(text: str) -> None:
    try:
        found = _named(text)
    except AssertionError:
        return
    assert found - NAMES.keys()
