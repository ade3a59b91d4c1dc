"""What is typed about other people's wallets, and what is answered to it: a part of every command's good and bad use."""

from __future__ import annotations

SOMEBODY = "4wBqpZM9xaSheZzJSMawUKKwhdpChKbZ5eu5ky4Vigw"

ABOUT_WALLETS = (
    (f"/track {SOMEBODY} a friend", "Following a friend"),
    (f"/track {SOMEBODY}", "already"),
    ("/track", "You follow 1 of at most 50 wallets"),
    ("/rankings", "none has traded yet"),
    ("/rankings mine", "none has traded yet"),
    ("/rankings discovered", "No wallet has been early in three tokens"),
    ("/rankings hello", "is not a wallet address"),
    ("/rankings a b", "usage: /rankings"),
    ("/autostart", "you follow 1"),
    ("/autostart 0.05 hello", "is not a percentage"),
    ("/autostart 99 65% 10 1", "give another amount"),
    ("/autostart 0.05 65% 10 0", "is no number of wallets"),
    ("/autostart 0.05 65% 10 1", "The automated trader is on"),
    ("/autostatus", "The automated trader is on"),
    ("/autostatus x", "usage: /autostatus"),
    ("/autostop", "The automated trader is off; open"),
    ("/autostop", "off already"),
    ("/autostop x", "usage: /autostop"),
    (f"/untrack {SOMEBODY}", "no more"),
    (f"/untrack {SOMEBODY}", "You do not follow"),
)
