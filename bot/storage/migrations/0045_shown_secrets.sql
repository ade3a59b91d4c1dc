-- A message that holds a secret, such as the key of a second factor, is deleted after a minute, by the next life too.

-- squawk-ignore ban-drop-constraint
alter table chat_messages drop constraint chat_messages_topic_check;
-- squawk-ignore constraint-missing-not-valid
alter table chat_messages add constraint chat_messages_topic_check check (topic in ('order', 'position', 'secret'));
