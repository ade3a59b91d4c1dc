"""`python -m bot.localnet`: the local chain as a process of its own."""

from __future__ import annotations

import sys

from bot.localnet import main

sys.exit(main(sys.argv[1:]))
