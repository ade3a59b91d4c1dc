-- When the launch that a sniper looked at came in, so that an order's story begins with its first frame.
alter table snipe_runs add column seen_at timestamptz;

-- The story of a position begins with its id.
-- squawk-ignore require-concurrent-index-creation
create index trades_by_position on trades (position_id);
-- squawk-ignore require-concurrent-index-creation
create index intents_by_position on intents (position_id) where position_id is not null;
-- squawk-ignore require-concurrent-index-creation
create index outbox_by_trace on outbox (trace_id);
