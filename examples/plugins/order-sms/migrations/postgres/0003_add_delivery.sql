-- catalyst: expand
ALTER TABLE plg_order_sms.messages ADD COLUMN delivery text;
CREATE INDEX messages_sid ON plg_order_sms.messages (sid);
