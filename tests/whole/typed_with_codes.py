"""What is typed of commands that take a code, and what is answered to it: a part of every command's good and bad use."""

from __future__ import annotations

NO_TOKEN = "So11111111111111111111111111111111111111112"

GUARDED = (
    ("/totp 123456", "there is no key to confirm yet; /totp makes one"),
    ("/totp", "Below is the key of your second factor"),
    ("/totp new", "a code is the six digits"),
    ("/totp a b c", "usage: /totp"),
    ("/withdraw", "You have allowed no address yet"),
    (f"/withdraw add {NO_TOKEN} 123456", "is wrapped SOL, a token; give a wallet's address"),
    (f"/withdraw 1 {NO_TOKEN} 123456", "that address is not among those that you have allowed"),
    ("/withdraw 1 2", "usage: /withdraw"),
    ("/unfreeze", "usage: /unfreeze"),
    ("/unfreeze 123456", "is not frozen by /freeze"),
    (
        "/freeze none",
        "you have no live wallet 'none'",
    ),  # a freeze would hold who comes after: his codes are on no device
    ("/sweep", "main: no safe address counts"),
    ("/sweep safe", "usage: /sweep"),
    ("/export_keys", "Your keys stay here unless you take one out"),
    ("/export_keys 12", "a code is the six digits"),
    ("/export_keys 1 2 3", "usage: /export_keys"),
)
