"""THE command table: name, arguments, role and help of every chat command. Pure data; the doors bind handlers to it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.roles import Role

ANYONE = "anyone"
USER = "user"


@dataclass(frozen=True, slots=True)
class Command:
    """One chat command. `arguments` is its usage after the name; `role` is who may use it.

    That is `anyone`, every `user`, or users from a role on, named as in bot/trading/roles.py.

    `enters_with` is the number of arguments from which on it buys or lets something buy, None for one that never does:
    such a command is not done when it arrives late. An `urgent` one waits for no other command of its user, and takes
    those that would enter back. `credits` are about the requests that it costs the endpoints, of which each user has so many a
    minute; what sells, or shows what can be sold, costs none.
    """

    name: str
    arguments: str
    help: str
    role: str = USER
    aliases: tuple[str, ...] = ()
    enters_with: int | None = None
    urgent: bool = False
    credits: int = 0

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def is_privileged(self) -> bool:
        """Whether being a user is not enough for it."""
        return self.role not in {ANYONE, USER}


COMMANDS: tuple[Command, ...] = (
    Command("start", "[agree]", "what this bot does with your money, and consent", role=ANYONE),
    Command("help", "", "all commands", role=ANYONE),
    Command("wallet", "", "your deposit address, balance and what of it can be spent", credits=3),
    Command(
        "wallets",
        "[add NAME|rename NAME NEW|use NAME manual|sniper|auto]",
        "your wallets: address, what buys from each, and whether the books are exact; several of one mode, if you like",
    ),
    Command("deposit", "[MODE]", "the address to send SOL to, and when it counts"),
    Command(
        "buy",
        "MINT SOL",
        "buy a launchpad token; trading fees are in the amount, network fee and account rent come on top",
        enters_with=0,
        credits=3,
    ),
    Command(
        "sell",
        "MINT|POSITION 50%|TOKENS|all",
        "sell a share, a number, or all of a token that you hold a position in, or of that position alone",
    ),
    Command(
        "open",
        "MINT SOL",
        "the same as /buy on paper, whatever your mode is: at the real price, with play money out of a virtual wallet",
        enters_with=0,
        credits=3,
    ),
    Command("close", "MINT|POSITION [50%|TOKENS|all]", "sell a position on paper, all of it or a part"),
    Command(
        "confirm",
        "CODE",
        "send the order of a card that /buy, /sell, /open or /close showed you, within a minute",
        enters_with=0,
    ),
    Command("cancel", "CODE", "take such an order back, or end one that waits for its price or its time"),
    Command(
        "limit",
        "buy|sell MINT SOL|50%|TOKENS|all PRICE|mc=CAP [30m|12h|7d]",
        "keep an order until its price is there: a buy for at most PRICE, a sale for at least it, in SOL for a million tokens,"
        " fees included, or for the PRICE at a market cap of CAP SOL; with a time, for so long",
        enters_with=0,
    ),
    Command(
        "dca",
        "MINT SOL 30m|12h|7d TIMES",
        "repeat a buy: for so much SOL, every so often, so many times, the first at once; each within your limits of its moment",
        enters_with=0,
    ),
    Command("positions", "", "open positions with what a sale would bring now, and the last closed ones"),
    Command("card", "MINT|POSITION", "a position of yours as a message that is edited while its worth changes"),
    Command(
        "orders",
        "",
        "your orders on the way, how far each is and what happens next, and those that wait for their price",
    ),
    Command("why", "MINT|POSITION", "what your orders of a token did, step by step, and where every lamport went"),
    Command("balance", "", "what your wallet holds: SOL and every token", credits=3),
    Command(
        "history", "[COUNT|csv] [MODE]", "the latest entries of your ledger; csv sends every fill and fee as a file"
    ),
    Command(
        "profit",
        "[day|week|month] [MODE]",
        "what you made and lost today, this week and this month; with a word, a line for each day, week or month",
    ),
    Command("stats", "[day|week|month] [MODE]", "your result by what ended the trades: take-profit, stop-loss, you"),
    Command("share", "[MINT|POSITION]", "a closed position as a picture for others"),
    Command("my_stats", "[MODE]", "your trades at a glance: how many, how many with a gain, best, worst, by whom"),
    Command(
        "performance", "[MODE]", "what you have at risk, how much of it in one token, your fees, and where your SOL is"
    ),
    Command(
        "price", "MINT", "a token's price, market cap, how far its curve is and how its price has changed", credits=2
    ),
    Command(
        "info",
        "MINT",
        "all that is known of a token: name, price, changes, maker, age, holders, and your position",
        credits=8,
    ),
    Command(
        "ai",
        "MINT [SOL]",
        "what the bot thinks of a token: action, confidence, why, what people write, how much it suggests to you and why no"
        " more; with an amount, buy it by that opinion",
        aliases=("analyze",),
        enters_with=2,
        credits=8,
    ),
    Command(
        "blacklist",
        "[add|remove MINT|CREATOR|WORD]",
        "what your sniper neither buys nor tells of: a token or its creator by address, or a word in what a token calls itself",
    ),
    Command("top", "", "the tokens of the last minute that the bot thinks most of"),
    Command("settings", "[NAME [VALUE]]", "your settings with their bounds; with a value, change one", enters_with=2),
    Command(
        "alerts",
        "[KIND|all on|silent|off]",
        "what you are told of, and how loudly; what is about money can be silent and never off",
    ),
    Command(
        "mode",
        "[live|dry_run|paper] [agree]",
        "whether your orders move money, or are priced and signed like those and never sent; with a mode, change it",
        enters_with=1,
        credits=3,
    ),
    Command("snipe", "", "your sniper: its thresholds and what it looked at today"),
    Command(
        "diag", "", "what stands between your sniper and a buy now: each gate with its number, and its latest looks"
    ),
    Command("track", "ADDRESS [LABEL]", "follow a wallet; its trades become signals"),
    Command("untrack", "ADDRESS", "follow a wallet no more"),
    Command("pause", "", "pause your own entries until /resume; exits go on"),
    Command("resume", "", "end your own pause", enters_with=0),
    Command(
        "ack_outflow",
        "",
        "say that SOL which left your wallet without this bot was moved by you; the wallet is frozen until then",
        enters_with=0,
    ),
    Command("status", "", "whether the bot trades, what pauses it, and your day"),
    Command("health", "", "whether the bot is up, and what it depends on", role=ANYONE),
    Command("version", "", "which bot this is, and on which chain it trades", role=ANYONE),
    Command("snipe_enable", "", "let the sniper buy new launches for you within your limits", enters_with=0),
    Command("snipe_disable", "", "stop the sniper; open positions keep their exits"),
    Command("panic", "", "stop your sniper and sell every open position now", urgent=True),
    Command(
        "totp",
        "[CODE|new CODE]",
        "your second factor: a key for an authenticator, whose codes let money out of your wallets",
    ),
    Command(
        "withdraw",
        "[SOL|all ADDRESS CODE|add ADDRESS CODE|remove ADDRESS]",
        "send SOL to an address of your own, which you allow a day before; a wallet's name may follow",
    ),
    Command(
        "freeze",
        "[WALLET]",
        "let nothing be bought, sold or sent from a wallet of yours, at once; its key is handed out to nobody",
    ),
    Command("unfreeze", "CODE [WALLET]", "end that, with a code of your second factor"),
    Command(
        "sweep",
        "[safe ADDRESS CODE [WALLET]|cancel [WALLET]]",
        "where the SOL of a wallet goes when it is frozen; registering an address takes a code, and it counts a day later",
    ),
    Command(
        "export_keys",
        "[CODE [WALLET]|cancel]",
        "take the private key of a wallet out as a file: with a code of your second factor, and a day later with another one",
    ),
    Command("close_account", "[yes]", "leave: sell everything, and erase who you are; says first what that means"),
    Command("users", "[HANDLE]", "who uses this bot: role, mode, sniper and open positions of each", role=Role.ADMIN),
    Command(
        "role",
        "HANDLE basic|premium|admin|operator",
        "give somebody a role; none is above your own, and he is told",
        role=Role.ADMIN,
    ),
    Command("broadcast", "TEXT", "tell every user something, once each", role=Role.ADMIN),
    Command(
        "metrics", "", "the bot's numbers: trades and results by mode, launches, endpoints, errors", role=Role.ADMIN
    ),
    Command("logs", "[errors]", "the latest warnings and errors of the bot's log, or errors alone", role=Role.OPERATOR),
)

BY_NAME: dict[str, Command] = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

CONSENT_VERSION = "2026-12"

CONSENT_TEXT = """\
Before you start, in plain words:
- The machine that runs this bot holds your wallet's private key. Whoever controls that machine can move your money.
- You can lose everything that you deposit. Most new tokens lose most of their value, many within minutes.
- While no route to the chain answers nothing can be sold, by the bot or by you. If that lasts, or another failure becomes
  critical, the bot sells all your positions at whatever price as soon as it can, and stops. /settings on_critical hold
  makes it keep them instead: only their own stop-loss, take-profit or time, or you, sell them then.
- Nothing here is advice, and no result is promised.
Send /start agree if you accept this. Only then is a wallet made for you."""

# Where a profile has virtual wallets alone there is no key and no money; the same version, since no wallet goes elsewhere.
PAPER_CONSENT_TEXT = """\
Before you start, in plain words:
- This bot trades on paper: at the prices of the real market, with a virtual wallet. There is no key, nothing is signed and
  nothing is sent. Send no SOL here; it would be lost.
- Results on paper are better than real ones can be: your orders move no price and meet nobody.
- If a failure becomes critical, the bot sells all your virtual positions at whatever price, and stops. /settings on_critical hold
  makes it keep them instead.
- Nothing here is advice, and no result is promised.
Send /start agree if you accept this. Only then is a virtual wallet made for you."""
