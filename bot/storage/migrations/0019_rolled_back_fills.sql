-- A fill settles when its transaction is confirmed and is final when that is finalized. One that the network takes back
-- in between is reversed by further rows, and may settle a second time, because the same bytes may land again.

-- Where the attempt landed, until it is taken back; whether that is final; and how often it was taken back. What landed
-- before this column was there has no slot and counts as final.
alter table attempts add column landed_slot bigint;
alter table attempts add column final boolean not null default false;
alter table attempts add column rollbacks bigint not null default 0 check (rollbacks >= 0);
-- squawk-ignore require-concurrent-index-creation
create index attempts_not_final on attempts (landed_slot) where landed_slot is not null and not final;

-- All settled fills, those that were taken back among them. Migrations run before the bot trades; `trades`, which
-- everybody reads, is a view of those that stand.
-- squawk-ignore renaming-table
alter table trades rename to settled_trades;
-- The attempt's `rollbacks` when it settled: a signature settles once for each time that it landed.
alter table settled_trades add column landing bigint not null default 0 check (landing >= 0);
-- What the fill added to its position's basis, or took from it; null where an older program settled.
alter table settled_trades add column basis_lamports bigint;
-- squawk-ignore ban-drop-constraint
alter table settled_trades drop constraint trades_pkey;
-- squawk-ignore ban-drop-constraint
alter table settled_trades drop constraint trades_intent_id_key;
-- squawk-ignore require-concurrent-index-creation
create unique index trades_by_landing on settled_trades (signature, landing);
-- squawk-ignore require-concurrent-index-creation
create index trades_by_intent on settled_trades (intent_id);
-- squawk-ignore require-concurrent-index-creation
create index trades_by_mint on settled_trades (wallet_id, mint, mode, seq);

-- A fill that the network took back, with what showed that it did.
create table reversals (
    trade_seq bigint primary key references settled_trades (seq),
    intent_id text not null references intents (id),
    signature text not null,
    evidence text not null check (evidence <> ''),
    reversed_at timestamptz not null
);

create index reversals_by_intent on reversals (intent_id);
create trigger reversals_are_final before update or delete on reversals
    for each row execute function refuse_change();

-- A column that comes later is added to `settled_trades`; `create or replace view` with these same words shows it here.
create view trades as
select settled_trades.*
from settled_trades
where not exists (select 1 from reversals where reversals.trade_seq = settled_trades.seq);

-- The entry of what was taken back has the same transaction as the one that it reverses; `landing` counts them.
alter table ledger_entries add column landing bigint not null default 0 check (landing >= 0);
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_kind_check;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_kind_check
    check (kind in ('fill', 'fee', 'opening', 'deposit', 'outflow', 'adjustment', 'reversal'));
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_explained;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_explained
    check (
        (intent_id is null) = (kind not in ('fill', 'fee', 'reversal'))
        and (evidence is null) = (kind in ('fill', 'fee'))
    );
-- squawk-ignore require-concurrent-index-deletion
drop index ledger_entries_by_signature;
-- squawk-ignore require-concurrent-index-creation
create unique index ledger_entries_by_signature on ledger_entries (wallet_id, signature, landing, (kind = 'reversal'));
