-- Users withdraw SOL to addresses that they have allowed: an intent of a fourth side, which trades nothing.

alter table intents add column to_address text not null default '';
-- squawk-ignore ban-drop-constraint
alter table intents drop constraint intents_side_check;
-- Migrations run before the bot trades, so that nobody waits for these.
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_side_check check (side in ('buy', 'sell', 'close', 'withdraw'));
-- squawk-ignore ban-drop-constraint
alter table intents drop constraint intents_close_something;
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_of_their_side
    check (
        (side = 'close') = (cardinality(closes) > 0) and (side in ('close', 'withdraw')) = (mint = '')
        and (side = 'withdraw') = (to_address <> '')
    );
-- squawk-ignore require-concurrent-index-creation
create index intents_withdrawals_on_their_way on intents (wallet_id)
    where side = 'withdraw' and state in ('planned', 'signed', 'sent', 'unknown');
-- squawk-ignore require-concurrent-index-creation
create index intents_withdrawals_by_user on intents (user_id, closed_at) where side = 'withdraw' and state = 'filled';

-- Where SOL of a wallet may be sent. The row is for people: what counts is the vault's note of it, in vault_notes.
create table allowed_addresses (
    id text primary key,
    seq bigint generated always as identity,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    address text not null,
    not_before timestamptz not null,
    added_at timestamptz not null,
    unique (wallet_id, address)
);
create index allowed_addresses_by_user on allowed_addresses (user_id);

-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_kind_check;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_kind_check
    check (
        kind in (
            'fill', 'fee', 'closing', 'withdrawal', 'opening', 'deposit', 'outflow', 'adjustment', 'reversal'
        )
    );
-- squawk-ignore ban-drop-constraint
alter table ledger_entries drop constraint ledger_entries_explained;
-- squawk-ignore constraint-missing-not-valid
alter table ledger_entries add constraint ledger_entries_explained
    check (
        case
            when kind in ('fill', 'fee', 'closing', 'withdrawal') then intent_id is not null and evidence is null
            when kind = 'reversal' then evidence is not null
            else intent_id is null and evidence is not null
        end
    );

-- What the network took for closings and withdrawals that succeeded; what they brought back or sent out is nobody's gain
-- and nobody's loss.
create or replace view closing_costs as
select intents.user_id, intents.mode, intents.closed_at as at, ledger_legs.lamports
from intents
inner join ledger_entries on intents.id = ledger_entries.intent_id
inner join ledger_legs on ledger_entries.id = ledger_legs.entry_id
where
    intents.side in ('close', 'withdraw') and intents.state = 'filled'
    and ledger_legs.account in ('network_fee', 'priority_fee');
