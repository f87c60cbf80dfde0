DROP INDEX plg_order_sms__messages_sid;
ALTER TABLE plg_order_sms__messages DROP COLUMN delivery;
