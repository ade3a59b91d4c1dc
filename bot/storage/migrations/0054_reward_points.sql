-- Points that users earn; they are no money. One row for each cause, which is never changed or deleted.
create table reward_points (
    id bigint generated always as identity primary key,
    user_id text not null references users (id),
    action text not null check (action in ('start', 'trade', 'rating')),
    cause text not null,
    points bigint not null check (points > 0),
    -- When it was earned, which is not when it was written.
    at timestamptz not null,
    unique (user_id, action, cause)
);

create trigger reward_points_are_final before update or delete on reward_points
    for each row execute function refuse_change();
