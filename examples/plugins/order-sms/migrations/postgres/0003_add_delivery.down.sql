DROP INDEX plg_order_sms.messages_sid;
ALTER TABLE plg_order_sms.messages DROP COLUMN delivery;
