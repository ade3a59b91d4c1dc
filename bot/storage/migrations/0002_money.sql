-- The one road that money takes: intent, attempts, fill, position, ledger.

-- What happened with money is corrected by a further row, never by changing or deleting one.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed or deleted; write a further row', tg_table_name
        using errcode = 'integrity_constraint_violation';
end
$$;

-- A request that the risk gate admitted, committed before anything is signed.
create table intents (
    id text primary key,
    seq bigint generated always as identity unique,
    -- The request's key: the same wish, however often it is submitted, is one intent.
    key text not null unique,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    side text not null check (side in ('buy', 'sell')),
    mint text not null,
    context text not null
        check (context in ('manual_command', 'ai_signal', 'sniper', 'copy_trade', 'automated')),
    slippage_bps bigint not null check (slippage_bps between 0 and 10000),
    protection text not null check (protection in ('protected', 'open')),
    -- The snipe run, command or position that led here, and the position that a sale is of. Traces, not references.
    causation_id text not null,
    position_id text,
    reason text not null,
    spend_lamports bigint not null check (spend_lamports >= 0),
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    share_bps bigint not null check (share_bps between 0 and 10000),
    -- A sale of everything closes the token account unless it is kept: whoever sends dust to it makes the closing fail.
    keep_account boolean not null,
    state text not null
        check (state in ('planned', 'signed', 'sent', 'unknown', 'filled', 'failed', 'expired', 'cancelled')),
    -- What an unresolved buy keeps from being spent twice; released, that is 0, once it is resolved.
    reserved_lamports bigint not null check (reserved_lamports >= 0),
    failure text,
    created_at timestamptz not null,
    closed_at timestamptz,
    constraint intents_closed_when_resolved
        check ((closed_at is null) = (state in ('planned', 'signed', 'sent', 'unknown'))),
    constraint intents_release_when_resolved check (closed_at is null or reserved_lamports = 0)
);

create index intents_in_flight on intents (wallet_id, mint)
    where state in ('planned', 'signed', 'sent', 'unknown');
create index intents_snipes on intents (user_id, created_at) where context = 'sniper' and side = 'buy';
create index intents_by_snipe_run on intents (causation_id) where context = 'sniper' and side = 'buy';
create index intents_failed on intents (closed_at) where state in ('failed', 'expired');

-- One signed transaction of an intent. The bytes are committed before the first of them leaves, so that after a crash
-- the same ones can be sent again, and nothing else.
create table attempts (
    signature text primary key,
    intent_id text not null references intents (id),
    number bigint not null check (number > 0),
    raw bytea not null,
    last_valid_block_height bigint not null,
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    limit_raw numeric(20, 0) not null check (limit_raw >= 0),
    state text not null check (state in ('signed', 'sent', 'landed', 'landed_error', 'expired')),
    error text,
    created_at timestamptz not null,
    sent_at timestamptz,
    unique (intent_id, number)
);

-- Tokens that a wallet holds of one mint in one mode. Its quantities follow the chain.
create table positions (
    id text primary key,
    seq bigint generated always as identity unique,
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    mint text not null,
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    context text not null
        check (context in ('manual_command', 'ai_signal', 'sniper', 'copy_trade', 'automated')),
    state text not null check (state in ('open', 'closed')),
    token_raw numeric(20, 0) not null check (token_raw >= 0),
    cost_lamports bigint not null,
    realized_lamports bigint not null,
    -- The exit plan, copied from the user's settings when the position was opened.
    take_profit_bps bigint,
    stop_loss_bps bigint,
    max_hold_s bigint,
    opened_at timestamptz not null,
    closed_at timestamptz,
    constraint positions_closed_when_empty
        check ((state = 'closed') = (token_raw = 0) and (state = 'closed') = (closed_at is not null))
);

create unique index positions_one_open on positions (wallet_id, mint, mode) where state = 'open';
create index positions_by_wallet_and_mint on positions (wallet_id, mint, mode, seq);
create index positions_by_user on positions (user_id, seq);
create index positions_closed on positions (closed_at) where state = 'closed';

-- A settled fill, read from the landed transaction and never computed from a quote. The signature makes settling once.
create table trades (
    signature text primary key,
    seq bigint generated always as identity unique,
    intent_id text not null unique references intents (id),
    position_id text not null references positions (id),
    user_id text not null references users (id),
    wallet_id text not null references user_wallets (id),
    mint text not null,
    mode text not null check (mode in ('paper', 'dry_run', 'live')),
    context text not null
        check (context in ('manual_command', 'ai_signal', 'sniper', 'copy_trade', 'automated')),
    side text not null check (side in ('buy', 'sell')),
    slot bigint not null,
    block_time timestamptz not null,
    token_raw numeric(20, 0) not null check (token_raw > 0),
    quote_lamports bigint not null,
    protocol_fee_lamports bigint not null,
    creator_fee_lamports bigint not null,
    network_fee_lamports bigint not null,
    rent_lamports bigint not null,
    other_lamports bigint not null,
    wallet_delta_lamports bigint not null,
    -- Net PnL of a sale, 0 for a buy.
    realized_lamports bigint not null
);

create index trades_by_user_and_day on trades (user_id, mode, block_time);
create index trades_by_day on trades (block_time);
create trigger trades_are_final before update or delete on trades
    for each row execute function refuse_change();

-- Double entry in lamports. An entry is what one transaction on the chain did: a fill, or the fee of one that failed.
create table ledger_entries (
    id bigint generated always as identity primary key,
    intent_id text not null references intents (id),
    signature text unique,
    written_at timestamptz not null default now()
);

create table ledger_legs (
    id bigint generated always as identity primary key,
    entry_id bigint not null references ledger_entries (id),
    account text not null,
    -- Positive lamports flow into the account.
    lamports bigint not null
);

create index ledger_legs_by_entry on ledger_legs (entry_id);

create function check_ledger_balance() returns trigger language plpgsql as $$
declare
    total numeric;
begin
    select sum(lamports) into total from ledger_legs where entry_id = new.entry_id;
    if total <> 0 then
        raise exception 'the legs of ledger entry % sum to % lamports, not to zero', new.entry_id, total
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;

-- Deferred, because the legs of an entry balance only together.
create constraint trigger ledger_legs_balance after insert on ledger_legs
    deferrable initially deferred for each row execute function check_ledger_balance();
create trigger ledger_legs_are_final before update or delete on ledger_legs
    for each row execute function refuse_change();
create trigger ledger_entries_are_final before update or delete on ledger_entries
    for each row execute function refuse_change();

-- Where the chain held another quantity than the books: the difference with its evidence, never an invented fill.
create table adjustments (
    id bigint generated always as identity primary key,
    position_id text not null references positions (id),
    before_token_raw numeric(20, 0) not null,
    after_token_raw numeric(20, 0) not null,
    before_cost_lamports bigint not null,
    after_cost_lamports bigint not null,
    evidence text not null check (evidence <> ''),
    adjusted_at timestamptz not null
);

create index adjustments_by_position on adjustments (position_id);
create trigger adjustments_are_final before update or delete on adjustments
    for each row execute function refuse_change();
