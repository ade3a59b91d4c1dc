-- Tokens that a sweep took to their user's safe address are moved at what they had cost. They are no loss: neither of his
-- result, nor of the day that may pause him.

-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
alter table adjustments add column sweep_id text references intents (id);

-- What made or cost a user something for good, in lamports: sales that stand, what orders took that traded nothing,
-- closings among them, what attempts took that landed beside a fill, and tokens that left without an order, those apart that
-- were swept. Everybody who speaks of a day's result or loss sums this.
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
    adjustments.sweep_id is null
    and adjustments.reverses is null
    and not exists (select 1 from adjustments as later where later.reverses = adjustments.id);
