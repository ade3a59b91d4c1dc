-- What a user's copies may spend within his own limits, which wallet they buy from, and whether others may copy him by his handle.

alter table user_settings
    add column copy_max_trade_lamports bigint,
    add column copy_max_positions bigint,
    add column copy_daily_spend_lamports bigint,
    add column copyable boolean not null default false;

-- A wider one takes its place in the same transaction.
-- squawk-ignore ban-drop-constraint
alter table user_wallets drop constraint user_wallets_strategies_check;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore constraint-missing-not-valid
alter table user_wallets add constraint user_wallets_strategies_check
    check (strategies <@ array['manual', 'sniper', 'auto', 'copy']);
