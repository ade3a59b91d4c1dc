-- What a user asks of his own books stays cheap when the tables are long. Migrations run before the bot trades, so that
-- nobody waits while an index is made.

-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_by_wallet on ledger_entries (wallet_id, id);
-- squawk-ignore require-concurrent-index-creation
create index intents_unfilled_by_user on intents (user_id, closed_at) where state in ('failed', 'expired');
-- squawk-ignore require-concurrent-index-creation
create index intents_closings_by_user on intents (user_id, closed_at) where side = 'close' and state = 'filled';
