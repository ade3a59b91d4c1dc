"""Pages about the program and its machine: crashes, bounds, a full disk, unusual hours, Telegram, who watches from outside."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runbooks.people import Person, bought_elsewhere
from tests.runbooks.walker import GOOD_WITHIN_S, Walker, paused_by
from tests.whole.real_evidence import change_books, rows_of_running

USER_OF = "select id from users where handle = '{handle}'"
# What somebody does to the database by hand, so that whatever one user's sniper writes fails in a way that nobody thought of.
MEDDLE = """
do $$ begin
    create function meddled() returns trigger language plpgsql as 'begin raise exception ''meddled with''; end';
    create trigger meddled before insert on snipe_runs for each row when (new.user_id = '{user_id}') execute function meddled();
end $$
"""
MEND = "do $$ begin drop trigger meddled on snipe_runs; drop function meddled(); end $$"
HOURS = 40
# Hours in which one question of a thousand failed.
QUIET_HOURS = """
insert into hourly_measures (name, hour, total, count)
select 'rpc_errors', date_trunc('hour', now()) - n * interval '1 hour', 10, 10000 from generate_series(1, {hours}) as n
on conflict (name, hour) do update set total = excluded.total, count = excluded.count
"""
SMALL_DISK, LARGE_DISK = "1g", "4g"
CRASHES_WITHIN_S = 300.0
HANDLES_USED_PERCENT = 92


@contextmanager
def meddled(walk: Walker) -> Iterator[None]:
    """Somebody changes the database by hand, and the sniper of one user ends by it each time that he wants to buy."""
    bot = walk.bot
    [user] = rows_of_running(bot.directory, USER_OF.format(handle="demo-2"))
    bot.crashes_are_meant = True
    rows_of_running(bot.directory, MEDDLE.format(user_id=user["id"]))
    try:
        yield
    finally:
        rows_of_running(bot.directory, MEND)


def crashed(walk: Walker) -> None:
    with meddled(walk):
        text = walk.alert("is started again")
        assert "meddled with" not in text, "what an error says is in the log alone"
        walk.until("a crash in the log", lambda: any(one.get("kind") == "failed" for one in walk.events()))
        walk.type_all("supervisor", "status")
        walk.type_all("pause")
        walk.see("PAUSED by operator", paused_by("operator"))
    released(walk)
    assert walk.bot.command("resume").returncode == 0


def quarantined(walk: Walker) -> None:
    with meddled(walk):
        walk.alert(within_s=CRASHES_WITHIN_S)
        said = walk.until("who does not run", lambda: who_does_not_run(walk))
        assert "sniper" in said, said
        assert walk.bot.status()["level"] == 1
        walk.logged("supervision", "quarantined")
    [release] = walk.of("supervisor", "release")
    walk.type(release, put={"PATH": "root/hunt/snipers/demo-2"})
    walk.bot.forgive()


def who_does_not_run(walk: Walker) -> str:
    """The first sentence, once it is about an actor."""
    said = walk.type_all("supervisor", "status")
    return "" if said.startswith("Everything runs") else said


def released(walk: Walker) -> None:
    """Whoever was given up meanwhile is let in again; nobody is where he was not."""
    walk.bot.command("supervisor", "release", "root/hunt/snipers/demo-2", "--why", "it is mended")
    walk.bot.forgive()


@contextmanager
def other_disk(folder: Path) -> Iterator[None]:
    """A small disk in the place of a folder; only who may mount can bring it."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(folder)], capture_output=True, check=False
    )
    assert done.returncode == 0, f"this needs a user that may mount: {done.stderr.decode().strip()}"
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def disk(walk: Walker) -> None:
    """The disk of `backup.folder` has less than 2 GB, and then more."""
    backups = walk.around.files / "backups"
    with other_disk(backups):
        walk.alert("The disk fills up")
        walk.shell("du", "df")
        doctor = walk.bot.command("doctor", "--config", str(walk.bot.directory / "bot.toml")).stdout
        assert "warn disk of backups" in doctor, doctor
        subprocess.run(["mount", "-o", f"remount,size={LARGE_DISK}", str(backups)], check=True)
        walk.alert("The disk has room again")
        doctor = walk.bot.command("doctor", "--config", str(walk.bot.directory / "bot.toml")).stdout
        assert "ok   disk of backups" in doctor, doctor


def resources(walk: Walker) -> None:
    """The service gives it hardly more file handles than it has open."""
    assert walk.bot.process is not None
    pid = walk.bot.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used * 100 // HANDLES_USED_PERCENT, before[1]))
    try:
        walk.see("PAUSED by resources", lambda s: s["state"] == "PAUSED" and paused_by("resources")(s))
        walk.logged("resources_short", "file handles")
        walk.alert("What buys by itself is paused by resources")
        walk.type_all("status")
        walk.type_all("supervisor", "status")
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def unusual(walk: Walker) -> None:
    """Forty quiet hours in the books, and then endpoints that fail some questions, and never enough to be left alone."""
    bot = walk.bot
    bot.stop()
    change_books(bot.directory, QUIET_HOURS.format(hours=HOURS))
    walk.around.start(bot)
    bot.until_open()
    done = bot.command("localnet", "fault", "flaky", "--for", "240s")
    assert done.returncode == 0, done.stderr
    walk.alert("Unusual (rpc_errors)", within_s=240)
    walk.logged("hour_unusual")
    walk.type_all("status")
    walk.type_all("config", "history")
    walk.clear()


def telegram(walk: Walker) -> None:
    assert walk.around.telegram is not None
    walk.see("telegram up", lambda s: s["services"]["telegram"]["health"] == "up")
    walk.around.telegram.close()
    try:
        walk.see("telegram down", lambda s: s["services"]["telegram"]["health"] == "down")
        walk.logged("service_down", "telegram")
        walk.see("PAUSED by telegram", lambda s: s["state"] == "PAUSED" and paused_by("telegram")(s))
        walk.alert("paused by telegram")
        walk.what_you_do()
    finally:
        walk.around.telegram.open()
    walk.see("telegram up", lambda s: s["services"]["telegram"]["health"] == "up")
    walk.logged("pause_ended")


def watching(walk: Walker) -> None:
    """The service elsewhere is away, and comes back."""
    walk.around.listener.close()
    try:
        walk.logged("heartbeat_not_sent")
        walk.alert("sign of life")
        walk.what_you_do()
        assert "ok" in walk.shell("curl", put={"9464": str(walk.around.port)})
    finally:
        walk.around.listener.open()
    walk.alert("arrives again")


def jupiter(walk: Walker) -> None:
    """A token that only Jupiter finds a market for is held while it is away, and while it lies."""
    status, _, down, lies = walk.trial()
    assert "token_elsewhere" in walk.type(status)
    person = Person(walk, "71010")
    mint = bought_elsewhere(person)
    walk.type(down)
    walk.alert("Jupiter cannot be used")
    walk.see("jupiter down, OPEN", lambda s: s["services"]["jupiter"]["health"] == "down" and s["state"] == "OPEN")
    walk.what_you_do()
    assert "Sent" not in (refused := person.tries_to_sell(mint)), refused
    walk.clear()
    walk.alert("Jupiter answers again")
    walk.type(lies)
    refused = person.tries_to_sell(mint)
    assert "Sent" not in refused, refused
    walk.logged("router_untrusted")
    walk.clear()
    walk.see("jupiter up", lambda s: s["services"]["jupiter"]["health"] == "up", within_s=GOOD_WITHIN_S)
    person.sells(mint)
