-- A sweep takes tokens of a frozen wallet to its user's safe address too: a withdrawal that names a mint, and how much of it.

-- squawk-ignore ban-drop-constraint
alter table intents drop constraint intents_of_their_side;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_of_their_side
    check (
        (side = 'close') = (cardinality(closes) > 0) and (side = 'withdraw') = (to_address <> '')
        and (side <> 'close' or mint = '') and (side not in ('buy', 'sell') or mint <> '')
        and (side <> 'withdraw' or (mint = '') = (token_raw = 0))
    );
