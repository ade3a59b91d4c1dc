-- The fee of an attempt that landed with an error beside the one that filled its order is a cost like any other: it counts
-- in what a user made, in his day's loss and in his fees.

-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_fees on ledger_entries (intent_id) where kind = 'fee';

-- In lamports, when the order filled; one that the network took back cost nothing.
create view fees_beside as
select trades.user_id, trades.mode, trades.block_time as at, -ledger_legs.lamports as lamports
from trades
inner join ledger_entries on trades.intent_id = ledger_entries.intent_id and trades.signature <> ledger_entries.signature
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where
    ledger_entries.kind = 'fee' and ledger_legs.account = 'wallet'
    and not exists (
        select 1 from ledger_entries as later
        where
            later.wallet_id = ledger_entries.wallet_id and later.signature = ledger_entries.signature
            and later.landing = ledger_entries.landing and later.kind = 'reversal'
            and later.intent_id = ledger_entries.intent_id
    );

-- What made or cost a user something for good, in lamports: sales that stand, what orders took that traded nothing,
-- closings among them, what attempts took that landed beside a fill, and tokens that left without an order. Everybody who
-- speaks of a day's result or loss sums this.
create or replace view results as
select trades.user_id, trades.mode, trades.block_time as at, trades.realized_lamports as lamports
from trades
union all
select intents.user_id, intents.mode, intents.closed_at as at, ledger_legs.lamports
from intents
inner join ledger_entries on intents.id = ledger_entries.intent_id
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where ledger_legs.account = 'wallet' and intents.state in ('failed', 'expired')
union all
select closing_costs.user_id, closing_costs.mode, closing_costs.at, -closing_costs.lamports as lamports
from closing_costs
union all
select fees_beside.user_id, fees_beside.mode, fees_beside.at, -fees_beside.lamports as lamports
from fees_beside
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
