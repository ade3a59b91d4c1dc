-- Users who show their results to others, of their own will. One who is shown no more keeps his row without a handle, because
-- whoever is delisted stays so when he comes back. Two handles that look alike have one `likeness`.
create table traders (
    user_id text primary key references users (id),
    seq bigint generated always as identity unique,
    handle text unique check (handle ~ '^[a-z][a-z0-9_]{2,19}$'),
    likeness text unique,
    -- His part of what his followers gain, as a figure alone: no money moves by it.
    share_bps bigint not null check (share_bps between 0 and 3000),
    opened_at timestamptz not null,
    delisted_why text not null default '',
    constraint traders_likeness_of_a_handle check ((handle is null) = (likeness is null))
);
