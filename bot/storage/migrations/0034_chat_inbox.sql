-- Commands out of chats, by the number that the chat service gives each: written before it is told that they came, so that
-- no restart loses one or does one twice. The text is kept until the command is done.

create table chat_inbox (
    update_id bigint primary key,
    telegram_id bigint not null,
    text text,
    sent_at timestamptz not null,
    tries bigint not null default 0,
    done_at timestamptz,
    check (text is not null or done_at is not null)
);

create index chat_inbox_undone on chat_inbox (update_id) where done_at is null;
create index chat_inbox_done on chat_inbox (done_at) where done_at is not null;
