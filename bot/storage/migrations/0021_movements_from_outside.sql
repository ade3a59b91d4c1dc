-- What moved a wallet's tokens or SOL without an order that the books knew, exactly: an adjustment names its
-- transaction and what that brought, counts as a result, and is taken back when the transaction turns out to be ours.

-- The transaction that moved the tokens, where one is known; what it brought the wallet; what it took of the basis.
alter table adjustments add column signature text;
alter table adjustments add column proceeds_lamports bigint not null default 0;
alter table adjustments add column basis_lamports bigint not null default 0;
-- The adjustment that this one takes back.
-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table adjustments add column reverses bigint references adjustments (id);
-- squawk-ignore require-concurrent-index-creation
create unique index adjustments_reversed_once on adjustments (reverses) where reverses is not null;
-- squawk-ignore require-concurrent-index-creation
create index adjustments_by_signature on adjustments (signature) where signature is not null;
-- squawk-ignore require-concurrent-index-creation
create index adjustments_by_day on adjustments (adjusted_at);

-- An entry from outside and the order's own entry may have one transaction, because the first is reversed then; that
-- reversal belongs to no order.
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_explained;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_explained
    check (
        case
            when kind in ('fill', 'fee') then intent_id is not null and evidence is null
            when kind = 'reversal' then evidence is not null
            else intent_id is null and evidence is not null
        end
    );
-- squawk-ignore require-concurrent-index-deletion
drop index ledger_entries_by_signature;
-- squawk-ignore require-concurrent-index-creation
create unique index ledger_entries_by_signature
    on ledger_entries (wallet_id, signature, landing, (kind = 'reversal'), (intent_id is null));

-- What made or cost a user something for good, in lamports: sales that stand, what orders took that traded nothing, and
-- tokens that left without an order. Everybody who speaks of a day's result or loss sums this.
create view results as
select trades.user_id, trades.mode, trades.block_time as at, trades.realized_lamports as lamports
from trades
union all
select intents.user_id, intents.mode, intents.closed_at as at, ledger_legs.lamports
from intents
inner join ledger_entries on intents.id = ledger_entries.intent_id
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where ledger_legs.account = 'wallet' and intents.state in ('failed', 'expired')
union all
select
    positions.user_id,
    positions.mode,
    adjustments.adjusted_at as at,
    adjustments.proceeds_lamports + adjustments.after_cost_lamports - adjustments.before_cost_lamports as lamports
from adjustments
inner join positions on adjustments.position_id = positions.id
where
    adjustments.reverses is null
    and not exists (select 1 from adjustments as later where later.reverses = adjustments.id);
