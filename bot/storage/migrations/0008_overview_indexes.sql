-- What the operator's views count once a second stays cheap when the tables are long. Migrations run before the bot
-- trades, so that nobody waits while an index is made.

-- squawk-ignore require-concurrent-index-creation
create index snipe_runs_signals on snipe_runs (created_at) where status <> 'SKIPPED';
-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_by_intent on ledger_entries (intent_id);
