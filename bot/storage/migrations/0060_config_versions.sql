-- What operators changed of the program's settings while it ran: each change with all keys that are not as the file has them from
-- then on. `settings` is {key: text}, `changed` {key: [before, after]}.
create table config_versions (
    number bigint primary key check (number > 0),
    at timestamptz not null,
    actor text not null,
    why text not null,
    settings json not null,
    changed json not null
);
create trigger config_versions_are_final before update or delete on config_versions
    for each row execute function refuse_change();
