-- The halt latch, an audit that programs can read too, and messages that never reach their reader.

-- What level 3 leaves behind. At most one row is latched; re-arming keeps it as history.
create table halts (
    id bigint generated always as identity primary key,
    cause text not null,
    since timestamptz not null,
    by text not null,
    why text not null,
    rearmed_at timestamptz,
    rearmed_by text,
    constraint halts_rearmed_by_somebody check ((rearmed_at is null) = (rearmed_by is null))
);

create unique index halts_one_latched on halts ((rearmed_at is null)) where rearmed_at is null;

-- An entry's facts are a JSON object; rows written before this migration have their words in subject and detail.
alter table audit add column facts json;
alter table audit alter column subject set default '';
alter table audit alter column detail set default '';

-- Whoever blocked the bot is told nothing, and nobody else waits behind that.
alter table outbox add column undeliverable_at timestamptz;
alter table outbox add column undeliverable_why text;
