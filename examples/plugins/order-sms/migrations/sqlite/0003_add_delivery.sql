-- catalyst: expand
ALTER TABLE plg_order_sms__messages ADD COLUMN delivery TEXT;
CREATE INDEX plg_order_sms__messages_sid ON plg_order_sms__messages (sid);
