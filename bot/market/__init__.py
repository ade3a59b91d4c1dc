"""Services beside the chain: what they tell is a hint, never a fact to trade by. The chain's own bytes are in `bot.chain`."""
