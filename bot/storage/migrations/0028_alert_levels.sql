-- How loudly each user wants to hear of each kind of thing; where there is no row it is on.

create table alert_levels (
    user_id text not null references users (id),
    kind text not null,
    level text not null check (level in ('on', 'silent', 'off')),
    changed_at timestamptz not null,
    primary key (user_id, kind)
);
