-- Buys that wait until the price has risen to a level.

-- squawk-ignore ban-drop-constraint
alter table standing_orders drop constraint standing_orders_kind_check;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore constraint-missing-not-valid
alter table standing_orders add constraint standing_orders_kind_check
    check (kind in ('limit_buy', 'limit_sell', 'breakout_buy', 'dca'));
