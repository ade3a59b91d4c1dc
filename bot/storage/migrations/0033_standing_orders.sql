-- What users want traded once a price has come. A turn of one is an order like any other, whose key is made of the row's id
-- and `turn`; the number goes up only when what became of that order is known, so that no turn trades twice.
create table standing_orders (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    -- What its user names it by.
    code text not null,
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    kind text not null check (kind in ('limit_buy', 'limit_sell')),
    mint text not null,
    -- For a million tokens, everything included: the most that a buy pays, the least that a sale brings.
    price_lamports bigint not null check (price_lamports > 0),
    spend_lamports bigint not null check (spend_lamports >= 0),
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    sells_all boolean not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    lapses_at timestamptz,
    state text not null check (state in ('open', 'done', 'lapsed', 'cancelled', 'given_up')),
    turn bigint not null check (turn >= 0),
    -- The order of this turn may exist.
    is_firing boolean not null,
    failures bigint not null check (failures >= 0),
    why_code text not null,
    why text not null,
    version bigint not null check (version >= 0),
    closed_at timestamptz,
    constraint standing_orders_closed_when_ended check ((closed_at is null) = (state = 'open')),
    constraint standing_orders_spend_or_sell check ((spend_lamports > 0) <> (token_raw > 0))
);

create index standing_orders_open on standing_orders (user_id, seq) where state = 'open';

-- The least lamports of a sale whose user has named a price; 0 for all others, whose bound follows from their slippage.
alter table intents add column min_lamports bigint not null default 0 check (min_lamports >= 0);
