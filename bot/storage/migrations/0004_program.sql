-- What belongs to the program as a whole.

-- One row: the cluster that this database belongs to, so that no devnet book is ever traded on mainnet.
create table program (
    only_row boolean primary key default true check (only_row),
    genesis_hash text not null,
    bound_at timestamptz not null default now()
);

-- Why entries are paused; the set outlives a restart. `scope` is `global` or `user:<id>`.
create table pause_causes (
    name text not null,
    scope text not null,
    seq bigint generated always as identity unique,
    since timestamptz not null,
    by text not null,
    why text not null,
    primary key (name, scope)
);

-- Who changed what about the program itself, for those who have to explain it later.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject text not null,
    detail text not null
);

create trigger audit_is_final before update or delete on audit
    for each row execute function refuse_change();
