-- Limits of a user over all of his wallets, and of each of his strategies within those; none where there is none.

alter table user_settings
    add column max_positions bigint,
    add column manual_max_trade_lamports bigint,
    add column auto_max_trade_lamports bigint,
    add column manual_max_positions bigint,
    add column sniper_max_positions bigint,
    add column auto_max_positions bigint,
    add column manual_daily_spend_lamports bigint,
    add column sniper_daily_spend_lamports bigint,
    add column auto_daily_spend_lamports bigint;
