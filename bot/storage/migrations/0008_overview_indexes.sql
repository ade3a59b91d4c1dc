-- What the operator's views count once a second stays cheap when the tables are long.

create index snipe_runs_signals on snipe_runs (created_at) where status <> 'SKIPPED';
create index ledger_entries_by_intent on ledger_entries (intent_id);
