"""Users of the bot that a page is walked on: who comes in, what he buys, and a thief who has the key of his wallet."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from hashlib import sha256

from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from bot.ports import SealedKey
from bot.vault import totp
from bot.vault.envelope import open_sealed
from bot.vault.master_key import read_master_key
from tests.runbooks.walker import Walker
from tests.whole.real import RealBot
from tests.whole.real_evidence import Node, rows_of_running
from tests.whole.test_real_chat import ordered, quiet_mint

WALLET = """
select user_wallets.*, users.handle from user_wallets inner join users on users.id = user_wallets.user_id
where users.telegram_id = {telegram_id}
"""


@dataclass(slots=True)
class Person:
    """A newcomer with play money, whom no sniper trades for."""

    walk: Walker
    telegram_id: str
    _secret: bytes = b""
    _last_step: int = 0

    def __post_init__(self) -> None:
        self.say("/start")
        assert "Your wallet is" in self.say("/start agree")[-1]
        self.say("/settings protection_buy open", "/settings max_hold none", "/settings stop_loss none")

    @property
    def bot(self) -> RealBot:
        return self.walk.bot

    def say(self, *lines: str) -> list[str]:
        """In his chat; what came back."""
        return self.bot.say(self.telegram_id, *lines)

    def buys(self, sol: str) -> str:
        """A position in a coin that stays where it is; its token."""
        mint = quiet_mint(self.bot)
        assert "Sent: buying" in (said := ordered(self.bot, self.telegram_id, f"/buy {mint} {sol}")), said
        self.walk.until("his position", lambda: mint in "\n".join(self.say("/positions")))
        return mint

    def sells(self, mint: str) -> None:
        """All of it, at once."""
        assert "Sent: selling" in (said := ordered(self.bot, self.telegram_id, f"/sell {mint} all")), said
        self.walk.until("the sale", lambda: f"/sell {mint}" not in "\n".join(self.say("/positions")))

    def tries_to_sell(self, mint: str) -> str:
        """What he is answered at last when he wants to sell all of it, whether it is offered to him or not."""
        said = self.say(f"/sell {mint} all")
        if len(said) > 1 and said[-2].startswith("  /confirm "):
            said = self.say(said[-2].strip())
        return said[-1]

    def code(self) -> str:
        """The next code that his authenticator shows; the first time he makes himself a second factor."""
        if not self._secret:
            key = re.search(r"^[A-Z2-7]{16,}$", "\n".join(self.say("/totp")), re.MULTILINE)
            assert key is not None, "no key of a second factor"
            self._secret = base64.b32decode(key[0])
            self.say(f"/totp {self._next()}")
        return self._next()

    def _next(self) -> str:
        now = int(time.time()) // (totp.STEP_MS // 1000)
        self._last_step = max(self._last_step + 1, now)
        self.walk.until(
            "a code that counts", lambda: int(time.time()) * 1000 // totp.STEP_MS >= self._last_step - 1, within_s=60
        )
        return totp.code_at(self._secret, self._last_step)


def robbed(person: Person, *, leaves_lamports: int) -> str:
    """Somebody who has the master key and the database takes what the wallet holds but for this; his transaction."""
    [row] = rows_of_running(person.bot.directory, WALLET.format(telegram_id=person.telegram_id))
    person.walk.logged("ledger_opened", row["id"])  # what left before is what the wallet began with
    sealed = SealedKey(row["master_key_id"], row["wrapped_data_key"], row["ciphertext"])
    master = read_master_key(person.bot.directory / "master.key")
    key = Keypair.from_seed(bytes(open_sealed(master, row["user_id"], row["address"], sealed))[:32])
    assert str(key.pubkey()) == row["address"]
    node = node_of(person.bot)
    held = node.call("getBalance", row["address"], {"commitment": "confirmed"})["value"]
    blockhash = Hash.from_string(node.call("getLatestBlockhash")["value"]["blockhash"])
    thief = Pubkey.from_bytes(sha256(b"thief").digest())
    takes = TransferParams(from_pubkey=key.pubkey(), to_pubkey=thief, lamports=held - leaves_lamports - 5_000)
    signed = Transaction([key], Message.new_with_blockhash([transfer(takes)], key.pubkey(), blockhash), blockhash)
    sent = str(node.call("sendTransaction", base64.b64encode(bytes(signed)).decode(), {"encoding": "base64"}))
    person.walk.until("the theft on the chain", lambda: node.call("getSignatureStatuses", [sent])["value"][0])
    return sent


def node_of(bot: RealBot) -> Node:
    """The first endpoint of the bot's local chain."""
    return Node(json.loads((bot.directory / "localnet" / "localnet.json").read_text())["http_url"])


def address_of(person: Person) -> str:
    [row] = rows_of_running(person.bot.directory, WALLET.format(telegram_id=person.telegram_id))
    return str(row["address"])


def bought_elsewhere(person: Person) -> str:
    """A position in the coin that has neither a curve nor a pool, which the chain's own status names; its token."""
    told = json.loads(person.bot.command("localnet", "status", "--json").stdout)
    mint = str(told["status"]["token_elsewhere"])
    assert "Sent: buying" in (said := ordered(person.bot, person.telegram_id, f"/buy {mint} 0.1")), said
    person.walk.until("his position", lambda: mint in "\n".join(person.say("/positions")))
    return mint
