-- What grows with the market goes by its age as well: decisions that became no order, refused copies, and swaps of followed
-- wallets, whose books keep what was made of them. Swaps have had an index by their time from the first. The bot is not running
-- yet when this is.
-- squawk-ignore require-concurrent-index-creation
create index auto_decisions_by_age on auto_decisions (decided_at) where verdict in ('passed', 'refused');
-- squawk-ignore require-concurrent-index-creation
create index copies_by_age on copies (decided_at) where state = 'refused';

-- The book as of the swaps that are kept no more, null while all are: a swap that is recorded late is folded after it.
alter table wallet_books add column folded json;
