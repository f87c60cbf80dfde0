DROP TABLE plg_order_sms__opt_outs;
