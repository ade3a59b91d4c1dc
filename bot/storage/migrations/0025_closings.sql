-- Emptied token accounts are closed and their rent comes back: an intent of a third side, which trades nothing.

-- The mints of the accounts that one transaction closes; `mint` is empty then.
alter table intents add column closes text [] not null default '{}';
-- squawk-ignore ban-drop-constraint
alter table intents drop constraint intents_side_check;
-- Migrations run before the bot trades, so that nobody waits for these.
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_side_check check (side in ('buy', 'sell', 'close'));
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_close_something
    check ((side = 'close') = (cardinality(closes) > 0) and (side = 'close') = (mint = ''));
-- One at a time for each wallet.
-- squawk-ignore require-concurrent-index-creation
create unique index intents_one_closing on intents (wallet_id)
    where side = 'close' and state in ('planned', 'signed', 'sent', 'unknown');

-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_kind_check;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_kind_check
    check (kind in ('fill', 'fee', 'closing', 'opening', 'deposit', 'outflow', 'adjustment', 'reversal'));
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_explained;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_explained
    check (
        case
            when kind in ('fill', 'fee', 'closing') then intent_id is not null and evidence is null
            when kind = 'reversal' then evidence is not null
            else intent_id is null and evidence is not null
        end
    );

-- What the network took for closings that succeeded; rent that came back is nobody's gain.
create view closing_costs as
select intents.user_id, intents.mode, intents.closed_at as at, ledger_legs.lamports
from intents
inner join ledger_entries on intents.id = ledger_entries.intent_id
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where
    intents.side = 'close' and intents.state = 'filled'
    and ledger_legs.account in ('network_fee', 'priority_fee');

-- What made or cost a user something for good, in lamports: sales that stand, what orders took that traded nothing,
-- closings among them, and tokens that left without an order. Everybody who speaks of a day's result or loss sums this.
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
