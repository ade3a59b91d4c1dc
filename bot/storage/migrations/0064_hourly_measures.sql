-- What each hour came to, for the comparison of today with the last days: a sum over a count, so that an hour that is looked at
-- again while it lasts is simply written anew. Rows go when they are older than anybody compares with.
create table hourly_measures (
    name text not null,
    hour timestamptz not null,
    total bigint not null,
    count bigint not null check (count >= 0),
    primary key (hour, name)
);
