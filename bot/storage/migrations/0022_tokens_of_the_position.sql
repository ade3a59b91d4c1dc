-- What a fill added to its position, or took from it: a sale takes less than it sold where tokens from outside were among
-- them. Null where an older program settled it: the two are taken for equal then.
alter table settled_trades add column position_raw numeric(20, 0);
-- squawk-ignore constraint-missing-not-valid
alter table settled_trades add constraint trades_position_raw_check
    check (position_raw >= 0 and position_raw <= token_raw);

create or replace view trades as
select settled_trades.*
from settled_trades
where not exists (select 1 from reversals where reversals.trade_seq = settled_trades.seq);
