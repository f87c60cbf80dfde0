DROP TABLE plg_order_sms.opt_outs;
