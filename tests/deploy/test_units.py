"""The units of deploy/: systemd reads them without a complaint, and leaves them little that they could do harm with."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted(path.name for path in (ROOT / "deploy").iterdir() if path.suffix in {".service", ".timer"})
SERVICES = [name for name in UNITS if name.endswith(".service")]
EXPOSURE_MAX = 2.0
INSTALLED = "/opt/trading-bot"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def lines_of(name: str) -> list[str]:
    """The lines of a unit that say something."""
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and line[0] not in "#;"]


@needs_systemd
def test_systemd_reads_every_unit_without_a_complaint(tmp_path: Path) -> None:
    for name in UNITS:
        text = "\n".join(lines_of(name))
        for program in re.findall(rf"{INSTALLED}/\S+/bot\b", text):
            text = text.replace(program, "/bin/true")  # it complains of a program that is not installed
        (tmp_path / name).write_text(text.replace(INSTALLED, str(ROOT)) + "\n", encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[str(tmp_path / name) for name in UNITS]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if "trading-bot" in line]
    assert (told.returncode, ours) == (0, []), told.stderr


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_sandbox_leaves_little_open(name: str) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(ROOT / "deploy" / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told.stdout)
    assert level is not None, told.stderr
    assert float(level[1]) < EXPOSURE_MAX, told.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_no_unit_runs_as_root_or_holds_a_secret(name: str) -> None:
    lines = lines_of(name)
    assert "DynamicUser=yes" in lines
    assert "User=root" not in lines
    assert not [line for line in lines if line.startswith("Environment=") and re.search("TOKEN|PASSWORD|KEY=", line)]


@pytest.mark.parametrize("name", ["trading-bot.service", "trading-bot-vault.service"])
def test_whoever_trades_or_signs_is_watched_and_started_again_for_ever_and_its_failure_is_told(name: str) -> None:
    lines = lines_of(name)
    for wanted in ("Type=notify", "WatchdogSec=30s", "StartLimitIntervalSec=0", "Restart=on-failure"):
        assert wanted in lines
    [stopped] = [line for line in lines if line.startswith("ExecStopPost=")]
    assert "$SERVICE_RESULT" in stopped and "trading-bot-failed.service" in stopped


def test_a_backup_that_fails_does_not_use_up_the_message_that_the_bot_is_down() -> None:
    """Each message has its hour, and what was told is remembered where nobody else's is."""
    assert "OnFailure=trading-bot-backup-failed.service" in lines_of("trading-bot-backup.service")
    about = {name: lines_of(f"trading-bot-{name}.service") for name in ("failed", "backup-failed")}
    for name, lines in about.items():
        assert {
            "StartLimitIntervalSec=0",
            "RuntimeDirectoryPreserve=yes",
            f"RuntimeDirectory=trading-bot-{name}",
        } <= set(lines)
    starts = {name: next(line for line in lines if line.startswith("ExecStart=")) for name, lines in about.items()}
    assert starts["backup-failed"] == f"{starts['failed']} backup"
    own = ("Description=", "Documentation=", "ExecStart=", "RuntimeDirectory=")
    left, right = ([line for line in lines if not line.startswith(own)] for lines in about.values())
    assert left == right, "the same sandbox"


def test_the_bot_and_its_vault_are_one_made_up_user_and_share_no_directory() -> None:
    bot, vault = lines_of("trading-bot.service"), lines_of("trading-bot-vault.service")
    assert "User=trading-bot" in bot and "User=trading-bot" in vault
    assert "StateDirectory=trading-bot" in bot and "StateDirectory=trading-bot-vault" in vault
    assert "PrivateNetwork=yes" in vault


def test_every_unit_that_reads_settings_or_the_bots_directory_is_the_bots_user_and_none_chooses_a_profile() -> None:
    """One line of /etc/trading-bot/environment chooses it for all; a backup or a vault of another profile knows other keys."""
    for name in SERVICES:
        lines = lines_of(name)
        [start] = [line for line in lines if line.startswith("ExecStart=")]
        assert "--profile" not in start
        if f"{INSTALLED}/.venv/bin/bot " in start:
            assert "User=trading-bot" in lines
            assert name == "trading-bot-web.service" or "EnvironmentFile=-/etc/trading-bot/environment" in lines


def test_the_dashboard_is_on_loopback_alone_and_outlives_its_bot() -> None:
    lines = lines_of("trading-bot-web.service")
    assert {"IPAddressDeny=any", "IPAddressAllow=localhost", "MemoryDenyWriteExecute=yes", "Restart=on-failure"} <= set(
        lines
    )
    assert not [line for line in lines if line.startswith(("Requires=", "BindsTo=", "PartOf="))]
    assert not [line for line in lines if "master-key" in line]


@pytest.mark.parametrize("name", ["install.sh", "upgrade.sh", "setup-postgresql.sh", "as-unit.sh"])
def test_a_script_parses_stops_at_the_first_failure_and_refuses_what_it_cannot_do(name: str, tmp_path: Path) -> None:
    script = ROOT / "deploy" / name
    assert script.stat().st_mode & 0o111
    assert "\nset -eu\n" in script.read_text(encoding="utf-8")
    assert subprocess.run(["sh", "-n", str(script)], capture_output=True, timeout=10, check=False).returncode == 0
    # In an empty folder, and with no programs but the shell's, none of them gets further than its first questions.
    shell = shutil.which("sh")
    assert shell is not None
    told = subprocess.run(
        [shell, str(script)],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert told.returncode != 0
    assert list(tmp_path.iterdir()) == []
