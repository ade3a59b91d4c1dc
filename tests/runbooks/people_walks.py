"""Pages about one user: a loss, a theft, a freeze, a wallet that runs dry, a position that cannot be sold; and emergencies."""

from __future__ import annotations

from tests.runbooks.people import Person, address_of, node_of, robbed
from tests.runbooks.walker import Walker, paused_by
from tests.whole.real_evidence import rows_of_running

SOL = 1_000_000_000
HELD_S = 20  # long enough for the fault to come before the sale
STUCK_WITHIN_S = 300.0


def day_loss(walk: Walker) -> None:
    """A newcomer's bound is so small that the fees of his first trade are beyond it."""
    person = Person(walk, "71001")
    walk.chat(person.telegram_id, "/settings daily_loss 0.001", expects="daily_loss = 0.001 SOL")
    mint = person.buys("0.1")
    person.sells(mint)
    refused = person.say(f"/buy {mint} 0.1")
    assert "loss" in "\n".join(refused), refused
    walk.alert("are closed")
    positions = rows_of_running(walk.bot.directory, f"select id from positions where mint = '{mint}'")
    walk.type_all("status")
    walk.type_all("trace", put={"POSITION": str(positions[-1]["id"])})
    walk.type_all("pause")
    assert walk.bot.command("resume").returncode == 0
    walk.chat(person.telegram_id, "/profit", expects="-0.0")
    person.say(
        "/settings daily_loss 1", "/resume"
    )  # the loss is beyond twice the bound too, which pauses what buys by itself


def ledger(walk: Walker) -> None:
    """Somebody else signs with the wallet's key."""
    person = Person(walk, "71002")
    signature = robbed(person, leaves_lamports=9 * SOL)
    walk.see("the cause outflow", paused_by("outflow"))
    walk.alert("was not signed here")
    walk.what_you_do()
    walk.chat(person.telegram_id, "/ack_outflow", expects="")
    walk.see("no cause", lambda status: not status["causes"])
    walk.see("exact", lambda status: "exact" in walk.bot.command("status").stdout)
    fills = walk.around.files / "fills.csv"
    [export] = walk.of("export")

    def entry() -> str | None:
        walk.type(export, put={"HANDLE": person.telegram_id, "fills.csv": str(fills)})
        return next((line for line in fills.read_text().splitlines() if signature in line), None)

    assert "outflow" in walk.until("the entry", entry)


def exit_fees(walk: Walker) -> None:
    """He says that it was he who took the money, and holds a position still."""
    person = Person(walk, "71003")
    mint = person.buys("0.1")
    robbed(person, leaves_lamports=900_000)
    walk.see("the cause outflow", paused_by("outflow"))
    assert person.say("/ack_outflow")
    walk.alert("less than the sales of its 1 position may cost")
    walk.logged("wallet_low")
    walk.type_all("export", put={"HANDLE": person.telegram_id, "fills.csv": str(walk.around.files / "fills.csv")})
    walk.type_all("status")
    walk.chat(person.telegram_id, "/positions", expects=mint)
    node_of(walk.bot).call("requestAirdrop", address_of(person), SOL)
    walk.alert("can pay for its sales again")
    person.sells(mint)


def frozen(walk: Walker) -> None:
    """His telephone is gone, he says; his authenticator is not."""
    person = Person(walk, "71004")
    code = person.code()
    walk.chat(person.telegram_id, "/freeze", expects="")
    walk.see("the cause frozen", paused_by("frozen"))
    walk.alert("is frozen")
    walk.bot.say(person.telegram_id, f"/unfreeze {code}")
    walk.see("no cause", lambda status: not status["causes"])


def exits(walk: Walker) -> None:
    """No transaction lands for a while, so that all rungs of a sale are used up, the one at any price too."""
    person = Person(walk, "71005")
    person.say(f"/settings max_hold {HELD_S}")
    mint = person.buys("0.1")
    done = walk.bot.command("localnet", "fault", "drop-tx", "--for", "10m")
    assert done.returncode == 0, done.stderr
    walk.alert("could not be sold", within_s=STUCK_WITHIN_S)
    walk.type_all("supervisor", "status")
    walk.clear()
    walk.chat(person.telegram_id, f"/sell {mint} all", expects="")
    for typed in walk.of("supervisor", "restart"):
        walk.type(typed, "--yes")
    for sniper in ("demo-1", "demo-2"):
        walk.bot.say(sniper, "/resume")  # ten trades that failed in a row have paused what buys by itself for each


def emergency(walk: Walker) -> None:
    """Each order of the table, and what it promises."""
    person = Person(walk, "71006")
    person.buys("0.1")
    walk.type_all("pause")
    walk.see("PAUSED by operator", lambda s: s["state"] == "PAUSED" and paused_by("operator")(s))
    resume = walk.of("resume")[0]
    walk.type(resume)
    [one_user] = walk.of("flatten", "--user")
    walk.type(one_user, put={"HANDLE": person.telegram_id})
    walk.until("sold", lambda: "/sell" not in "\n".join(person.say("/positions")))
    walk.type(resume)
    [program] = walk.of("flatten", "--program")
    walk.type(program)
    walk.see("a program is closed", lambda s: s["state"] == "OPEN" and paused_by("panic")(s))
    walk.type(resume)
    everybody = walk.of("flatten", "--yes")[0]
    walk.type(everybody)
    walk.see("HALTED", lambda s: s["state"] == "HALTED" and s["level"] == 3)
    walk.type(walk.of("rearm")[0])
