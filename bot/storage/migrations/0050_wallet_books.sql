-- What followed wallets did with each token: the fold of their recorded swaps, written with each of them.

create table wallet_books (
    address text not null,
    mint text not null,
    -- The round that is open: tokens held and their cost, all that was bought, spent and brought since it began.
    held_raw numeric(30, 0) not null default 0 check (held_raw >= 0),
    cost_lamports numeric(30, 0) not null default 0 check (cost_lamports >= 0),
    round_raw numeric(30, 0) not null default 0,
    spent_lamports numeric(30, 0) not null default 0,
    brought_lamports numeric(30, 0) not null default 0,
    opened_at timestamptz not null default 'epoch',
    first_at timestamptz not null default 'epoch',
    last_at timestamptz not null default 'epoch',
    -- -1 until its swaps are folded.
    last_slot bigint not null default -1,
    -- Sums over all rounds of the token.
    swaps bigint not null default 0,
    unseen bigint not null default 0,
    bought_lamports numeric(30, 0) not null default 0,
    sold_lamports numeric(30, 0) not null default 0,
    realized_lamports numeric(30, 0) not null default 0,
    rounds bigint not null default 0,
    won bigint not null default 0,
    won_lamports numeric(30, 0) not null default 0,
    lost_lamports numeric(30, 0) not null default 0,
    held_s numeric(30, 0) not null default 0,
    return_bps numeric(30, 0) not null default 0,
    return_bps_squared numeric(40, 0) not null default 0,
    primary key (address, mint)
);

-- A book that has to be folded anew reads the swaps of its token.
-- squawk-ignore require-concurrent-index-creation
create index wallet_signals_of_token on wallet_signals (address, mint, slot);
