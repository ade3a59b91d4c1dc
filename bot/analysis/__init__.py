"""Numbers in, scores out. Pure like the money rules, but floats are allowed: nothing here is an amount that is paid."""
