-- What a user may do beyond his own affairs. It stands with his settings, because limits by role are judged with his own.

alter table user_settings add column role text not null default 'basic'
    check (role in ('basic', 'premium', 'admin', 'operator'));
