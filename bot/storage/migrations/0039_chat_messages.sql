-- Which message in a user's chat tells of which order or position, so that it is edited instead of followed by another.

create table chat_messages (
    topic text not null check (topic in ('order', 'position')),
    subject_id text not null,
    user_id text not null references users (id),
    message_id bigint not null,
    written_at timestamptz not null,
    says text not null,
    lead text not null,
    primary key (topic, subject_id)
);

create index chat_messages_by_user on chat_messages (user_id);
