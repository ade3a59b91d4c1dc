-- Snipers' looks at tokens, and what users are owed in words.

-- One look of one user's sniper at one token. The unique key makes a repeated launch, or a restart, one look.
create table snipe_runs (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    mint text not null,
    epoch bigint not null,
    status text not null
        check (
            status in (
                'ANALYZED', 'MONITORING', 'EXECUTING', 'COMPLETED', 'FAILED', 'SKIPPED', 'EXPIRED', 'UNKNOWN'
            )
        ),
    reason text not null,
    confidence_bps bigint not null,
    launch_signature text not null,
    created_at timestamptz not null,
    unique (user_id, mint, epoch)
);

create index snipe_runs_by_user on snipe_runs (user_id, created_at);
create index snipe_runs_unfinished on snipe_runs (created_at)
    where status in ('ANALYZED', 'MONITORING', 'EXECUTING');

-- A message is written in the transaction that makes it true and sent at least once after that.
create table outbox (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    kind text not null,
    -- json and not jsonb: nobody queries inside, and names of tokens may hold \u0000, which jsonb refuses.
    payload json not null,
    urgent boolean not null,
    trace_id text not null,
    created_at timestamptz not null,
    delivered_at timestamptz
);

create index outbox_due on outbox (urgent desc, created_at, seq) where delivered_at is null;
