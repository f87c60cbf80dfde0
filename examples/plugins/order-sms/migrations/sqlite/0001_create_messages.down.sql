DROP TABLE plg_order_sms__messages;
