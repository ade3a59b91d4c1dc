-- The ledger explains a whole wallet: every entry names its wallet, what was put in and taken out from outside has
-- entries too, and tokens are kept at what the market was paid for them.

-- A fill, the fee of a transaction that landed with an error, what the wallet held when its books began, SOL that came
-- from outside or went there, and tokens that the chain no longer showed.
alter table ledger_entries add column kind text
    check (kind in ('fill', 'fee', 'opening', 'deposit', 'outflow', 'adjustment'));
alter table ledger_entries add column wallet_id text;
alter table ledger_entries add column position_id text;
alter table ledger_entries add column slot bigint;
-- Why there is an entry that no order of ours explains.
alter table ledger_entries add column evidence text;

-- New columns of old rows; what they say about money stays as it is.
alter table ledger_entries disable trigger ledger_entries_are_final;
update ledger_entries
set
    wallet_id = intents.wallet_id,
    position_id = trades.position_id,
    slot = trades.slot,
    kind = case when trades.signature is null then 'fee' else 'fill' end
from intents
left join trades on trades.intent_id = intents.id
where intents.id = ledger_entries.intent_id;
alter table ledger_entries enable trigger ledger_entries_are_final;

-- Migrations run before the bot trades, so that nobody waits for these.
-- squawk-ignore adding-not-nullable-field
alter table ledger_entries alter column kind set not null;
-- squawk-ignore adding-not-nullable-field
alter table ledger_entries alter column wallet_id set not null;
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_wallet foreign key (wallet_id) references user_wallets (id);
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_position foreign key (position_id) references positions (id);
-- squawk-ignore ban-drop-not-null
alter table ledger_entries alter column intent_id drop not null;
-- An order of ours explains an entry, or its evidence does.
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_explained
    check ((intent_id is null) = (kind not in ('fill', 'fee')) and (evidence is null) = (kind in ('fill', 'fee')));
-- One transaction may move SOL between two wallets of ours; it has an entry for each.
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_signature_key;
-- squawk-ignore require-concurrent-index-creation
create unique index ledger_entries_by_signature on ledger_entries (wallet_id, signature);
-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_by_position on ledger_entries (position_id);
-- A wallet's books begin once.
-- squawk-ignore require-concurrent-index-creation
create unique index ledger_entries_one_opening on ledger_entries (wallet_id) where kind = 'opening';

-- The latest comparison of each wallet's ledger with the chain.
create table ledger_checks (
    wallet_id text primary key references user_wallets (id),
    slot bigint not null,
    chain_lamports bigint not null,
    booked_lamports bigint not null,
    checked_at timestamptz not null
);
