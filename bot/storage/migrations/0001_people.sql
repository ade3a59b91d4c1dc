-- People, the wallets that the bot signs for, and how each person wants to trade.
--
-- Conventions of every table: ids are text that the program makes; `seq` is the order of writing, which breaks ties
-- between rows of the same millisecond; lamports are bigint; raw token amounts are u64 on the chain and therefore
-- numeric(20, 0); moments are timestamptz, of which the program reads and writes whole milliseconds.

create table users (
    id text primary key,
    seq bigint generated always as identity unique,
    handle text not null unique,
    telegram_id bigint unique,
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    -- The consent text that the person agreed to. No row exists without consent.
    consent_version text not null,
    consented_at timestamptz not null default now(),
    created_at timestamptz not null default now()
);

create table user_wallets (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    address text not null unique,
    -- Envelope encryption: the private key under a data key, the data key under the master key of this id. Only the
    -- vault opens them; a database without the master key is of no use to a thief.
    master_key_id text not null,
    wrapped_data_key bytea not null,
    ciphertext bytea not null,
    created_at timestamptz not null default now()
);

create index user_wallets_by_user on user_wallets (user_id);

-- One row per user, written in the transaction that makes the user: there is no user without limits.
create table user_settings (
    user_id text primary key references users (id),
    max_trade_lamports bigint not null check (max_trade_lamports >= 0),
    max_position_lamports bigint not null check (max_position_lamports >= 0),
    daily_loss_limit_lamports bigint not null check (daily_loss_limit_lamports >= 0),
    slippage_buy_bps bigint not null check (slippage_buy_bps between 0 and 10000),
    slippage_sell_bps bigint not null check (slippage_sell_bps between 0 and 10000),
    -- The plan that a new position is opened with; null switches an exit off.
    take_profit_bps bigint check (take_profit_bps >= 0),
    stop_loss_bps bigint check (stop_loss_bps >= 0),
    max_hold_s bigint check (max_hold_s >= 0),
    snipe_enabled boolean not null,
    snipe_max_lamports bigint not null check (snipe_max_lamports >= 0),
    snipe_min_confidence_bps bigint not null check (snipe_min_confidence_bps between 0 and 10000),
    snipe_max_daily bigint not null check (snipe_max_daily >= 0),
    snipe_only_strong_buy boolean not null,
    snipe_min_curve_lamports bigint not null check (snipe_min_curve_lamports >= 0),
    snipe_epoch bigint not null check (snipe_epoch >= 0),
    timezone text not null
);

-- The rows that were replaced, whole, with who replaced them.
create table user_settings_history (
    id bigint generated always as identity primary key,
    user_id text not null references users (id),
    replaced_at timestamptz not null default now(),
    replaced_by text not null,
    settings jsonb not null
);

create index user_settings_history_by_user on user_settings_history (user_id, replaced_at);
