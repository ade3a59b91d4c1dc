-- What tokens are called, which of them are tracked, and what those and the held ones cost over time, for people to look
-- at: no order is judged by it.

create table tokens (
    mint text primary key,
    name text not null,
    symbol text not null,
    uri text not null,
    creator text not null,
    -- Null where nobody listened when it was launched.
    launched_at timestamptz,
    tracked_until timestamptz not null
);

create index tokens_by_tracked_until on tokens (tracked_until);

-- A partition for each day (UTC), which goes as a whole. The price is quote_lamports for token_raw, exact.
create table price_points (
    mint text not null,
    at timestamptz not null,
    quote_lamports numeric(20, 0) not null check (quote_lamports >= 0),
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    liquidity_lamports numeric(20, 0) not null check (liquidity_lamports >= 0),
    primary key (mint, at)
) partition by range (at);

create function make_price_days(first timestamptz, last timestamptz) returns void
language plpgsql as $$
declare
    day date := (first at time zone 'UTC')::date;
    name text;
begin
    while day <= (last at time zone 'UTC')::date loop
        name := 'price_points_' || to_char(day, 'YYYYMMDD');
        if to_regclass(name) is null then
            execute format(
                'create table %I partition of price_points for values from (%L) to (%L)',
                name, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC'
            );
        end if;
        day := day + 1;
    end loop;
end $$;

create function drop_price_days(before timestamptz) returns void
language plpgsql as $$
declare
    old record;
begin
    for old in
        select inhrelid::regclass::text as name
        from pg_inherits
        where
            inhparent = 'price_points'::regclass
            and inhrelid::regclass::text < 'price_points_' || to_char(before at time zone 'UTC', 'YYYYMMDD')
    loop
        execute format('drop table %s', old.name);
    end loop;
end $$;
