-- A flatten as a saga: one row for each position that it takes up, so that a restart goes on where it was.

-- `flatten_id` is made of the scope and the moment of a halt or of a user's cause. Positions are not referred to: one that
-- was opened while the database was away may come later than its row here.
create table flatten_positions (
    flatten_id text not null,
    position_id text not null,
    seq bigint generated always as identity,
    state text not null check (state in ('waiting', 'selling', 'sold', 'unsellable', 'held')),
    began_at timestamptz not null,
    changed_at timestamptz not null,
    attempts bigint not null check (attempts >= 0),
    last_error text not null,
    primary key (flatten_id, position_id)
);
