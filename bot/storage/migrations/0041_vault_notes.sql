-- What the vault has sealed for a user beside the keys of his wallets. It alone can read them, and they prove to it what it
-- once wrote itself.
create table vault_notes (
    user_id text not null references users (id),
    name text not null,
    master_key_id text not null,
    content bytea not null,
    written_at timestamptz not null,
    primary key (user_id, name)
);
