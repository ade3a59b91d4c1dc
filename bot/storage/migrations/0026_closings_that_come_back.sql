-- A closing that the network took back is under way again, beside one that was planned since. That no second one is planned
-- is seen to by the plan itself, which holds the wallet's row.
-- squawk-ignore require-concurrent-index-deletion
drop index intents_one_closing;
-- squawk-ignore require-concurrent-index-creation
create index intents_closings_on_their_way on intents (wallet_id)
    where side = 'close' and state in ('planned', 'signed', 'sent', 'unknown');
