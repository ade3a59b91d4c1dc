-- Failed trades in a row are counted from a user's latest fill. Without an index every look at everybody's day reads all
-- orders once for each user, which with long tables takes longer than an answer may. Migrations run before the bot trades,
-- so that nobody waits while it is made.

-- squawk-ignore require-concurrent-index-creation
create index intents_filled_by_user on intents (user_id, mode, closed_at) where state = 'filled' and side <> 'close';
