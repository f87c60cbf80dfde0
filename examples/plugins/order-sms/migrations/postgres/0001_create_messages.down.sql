DROP TABLE plg_order_sms.messages;
