"""What the gateway to the chat says by itself, where no command answers."""

from __future__ import annotations

WORKING = "Working on it…"
LATE = (
    "I was away when you sent this, and it came too late to be done unasked. See /positions, and send it again if you"
    " still want it."
)
LATE_ENTRY = (
    "You sent this {seconds} s ago, and Telegram brought it only now. It would buy or let something buy, so it was not done;"
    " send it again if you still want it."
)
LATE_PRESS = (
    "That press is too old, or was taken already. See /positions, and press the button again if you still want it."
)
PRESSED_AGAIN = (
    "You pressed that button again before its first press was done, so that it was done once. Press it again if you want it"
    " once more."
)
OVERTAKEN = (
    "You sent /panic, so this was not done: it would buy or let something buy. What of it was on its way already is sold"
    " as it lands. Send it again if you still want it."
)
TOO_SLOW = "This takes longer than it should; what was sent goes on by itself. See /positions before you repeat it."
FAILED = "That went wrong inside the bot and is in its log; see /positions before you repeat it."
FLOOD = "Too many messages at once. What I did not answer was not read; wait a few seconds and send it again."
GROUP = "I do not trade in groups, because everybody could read along. Write to me in a private chat."
KEY_DELETED = (
    "That looked like a private key or a recovery phrase. I deleted it from this chat and did not keep it, but whoever"
    " has seen it can take the money: move the funds to a new wallet now. I never need a key from you."
)
KEY_STAYS = (
    "That looked like a private key or a recovery phrase, and I am not allowed to delete it: delete it yourself. Whoever"
    " has seen it can take the money: move the funds to a new wallet now. I never need a key from you."
)
MAY_STAY = (
    "Telegram did not say whether it took the message with your secret, so it was not sent again. If it stands above, I cannot"
    " delete it: do that yourself, once you have used it. If it does not, ask for it again by the same command."
)
STAYS = "I could not delete the message above that holds a secret of yours: delete it yourself, now."
