-- Standing orders of a further kind: the same buy every so often, so many times, at whatever price.

alter table standing_orders
    -- How many turns are wanted, and how many have traded.
    add column turns bigint not null default 1,
    add column filled bigint not null default 0,
    -- Between two of them.
    add column interval_ms bigint not null default 0;
-- squawk-ignore ban-drop-constraint
alter table standing_orders drop constraint standing_orders_kind_check;
-- squawk-ignore ban-drop-constraint
alter table standing_orders drop constraint standing_orders_price_lamports_check;
-- Migrations run before the bot trades, so that nobody waits for these.
-- squawk-ignore constraint-missing-not-valid
alter table standing_orders add constraint standing_orders_kind_check
    check (kind in ('limit_buy', 'limit_sell', 'dca'));
-- squawk-ignore constraint-missing-not-valid
alter table standing_orders add constraint standing_orders_by_price_or_by_time
    check ((price_lamports > 0) = (kind <> 'dca') and (interval_ms > 0) = (kind = 'dca'));
-- squawk-ignore constraint-missing-not-valid
alter table standing_orders add constraint standing_orders_filled_as_often_as_wanted
    check (filled between 0 and turns and turns > 0 and (kind = 'dca' or turns = 1));
