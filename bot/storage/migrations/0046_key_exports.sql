-- Keys that users take out: asked for, counted from a day later, and handed over. The rows are for people, and for the audit of
-- whose key exists elsewhere: what counts is the vault's note of each demand, in vault_notes.
create table key_exports (
    id text primary key,
    seq bigint generated always as identity,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    demanded_at timestamptz not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    exported_at timestamptz,
    closed_at timestamptz
);
create unique index key_exports_open on key_exports (wallet_id) where closed_at is null;
create index key_exports_by_user on key_exports (user_id);
