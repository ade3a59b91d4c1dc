-- Wallets of others that users follow, how far each was read, and what it traded.

create table tracked_wallets (
    user_id text not null references users (id),
    address text not null,
    seq bigint generated always as identity unique,
    label text not null,
    since timestamptz not null,
    primary key (user_id, address)
);

create index tracked_wallets_by_address on tracked_wallets (address);

-- Everything up to this transaction is recorded, or was said to be missing. It belongs to the address and not to a
-- user: however many follow a wallet, it is read once.
create table wallet_cursors (
    address text primary key,
    -- Null for a wallet without any transaction when it was first read.
    signature text,
    slot bigint not null check (slot >= 0)
);

-- One side of one token that one transaction of a followed wallet traded; the price is quote over tokens, both exact.
create table wallet_signals (
    seq bigint generated always as identity primary key,
    address text not null,
    mint text not null,
    side text not null check (side in ('buy', 'sell')),
    token_raw numeric(20, 0) not null check (token_raw > 0),
    quote_lamports bigint not null check (quote_lamports >= 0),
    slot bigint not null,
    block_time timestamptz not null,
    signature text not null,
    unique (address, signature, mint, side)
);

create index wallet_signals_latest on wallet_signals (address, slot, seq);
create index wallet_signals_by_time on wallet_signals (block_time);
