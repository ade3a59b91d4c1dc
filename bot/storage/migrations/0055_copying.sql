-- Who copies whom, with what caps. A rule names a leader by the address of his wallet.
create table copy_rules (
    id text primary key,
    seq bigint generated always as identity unique,
    code text not null,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    leader text not null,
    leader_user_id text references users (id),
    label text not null,
    sizing text not null check (sizing in ('fixed', 'percent', 'exact')),
    -- Lamports or basis points, by the way to size.
    amount bigint not null check (amount >= 0),
    trade_lamports bigint not null check (trade_lamports > 0),
    hour_lamports bigint not null check (hour_lamports > 0),
    day_lamports bigint not null check (day_lamports > 0),
    token_lamports bigint not null check (token_lamports > 0),
    leader_lamports bigint not null check (leader_lamports > 0),
    total_lamports bigint not null check (total_lamports > 0),
    least_lamports bigint not null check (least_lamports >= 0),
    most_lamports bigint,
    blocked text[] not null,
    first_hour bigint check (first_hour between 0 and 23),
    after_hour bigint check (after_hour between 0 and 24),
    drawdown_lamports bigint,
    again boolean not null,
    since timestamptz not null,
    -- One that is leaving buys nothing more, and copies its leader's sales.
    state text not null check (state in ('active', 'leaving', 'stopped')),
    why text not null,
    version bigint not null check (version >= 0),
    closed_at timestamptz,
    constraint copy_rules_closed_when_stopped check ((closed_at is null) = (state <> 'stopped'))
);

create unique index copy_rules_one_of_a_leader on copy_rules (user_id, leader) where state <> 'stopped';
create index copy_rules_of_a_leader on copy_rules (leader) where state <> 'stopped';

-- One swap of a leader for one follower, written before anything is done about it. The unique key makes a swap that is told
-- twice, or a restart, one copy.
create table copies (
    id text primary key,
    seq bigint generated always as identity unique,
    rule_id text not null references copy_rules (id),
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    leader text not null,
    signature text not null,
    instruction bigint not null check (instruction >= 0),
    mint text not null,
    side text not null check (side in ('buy', 'sell')),
    leader_lamports bigint not null,
    leader_token_raw numeric(20, 0) not null,
    held_before_raw numeric(20, 0) not null,
    seen_at timestamptz not null,
    decided_at timestamptz not null,
    state text not null check (state in ('owed', 'ordered', 'refused')),
    code text not null,
    reason text not null,
    spend_lamports bigint not null check (spend_lamports >= 0),
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    tries bigint not null check (tries >= 0),
    ordered_at timestamptz,
    -- The key of its order's intent.
    key text not null,
    -- Neither on its way nor in an open position any more.
    ended boolean not null default false,
    unique (user_id, signature, instruction)
);

create index copies_owed on copies (seq) where state = 'owed';
create index copies_open on copies (user_id, mode) where not ended and state <> 'refused';
create index copies_of_a_rule on copies (rule_id, mint) where state <> 'refused';
create index copies_by_time on copies (user_id, decided_at);

-- Swaps of leaders of which nobody has decided yet what to copy of them.
create table copies_due (
    seq bigint primary key references wallet_signals (seq)
);

-- Whether the wallet both bought and sold the token in the transaction.
alter table wallet_signals add column both_sides boolean not null default false;
