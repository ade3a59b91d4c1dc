-- What each user's automated trader is to do, and what it decided about each opportunity.

create table auto_plans (
    user_id text primary key references users (id),
    is_on boolean not null,
    entry_lamports bigint not null check (entry_lamports > 0),
    min_confidence_bps bigint not null check (min_confidence_bps between 0 and 10000),
    window_s bigint not null check (window_s > 0),
    min_wallets bigint not null check (min_wallets > 0),
    max_daily bigint not null check (max_daily >= 0),
    epoch bigint not null check (epoch >= 0)
);

create table auto_decisions (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    mint text not null,
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    epoch bigint not null,
    -- planned is written before its order is handed in, and ends as one of the others.
    verdict text not null check (verdict in ('planned', 'entered', 'passed', 'refused')),
    reason text not null,
    confidence_bps bigint not null check (confidence_bps between 0 and 10000),
    wallets bigint not null check (wallets >= 0),
    spend_lamports bigint not null check (spend_lamports >= 0),
    -- That of the order, by which it is found again.
    key text not null,
    decided_at timestamptz not null,
    evidence text[] not null
);

create index auto_decisions_of_user on auto_decisions (user_id, seq);
create index auto_decisions_planned on auto_decisions (user_id) where verdict = 'planned';
