-- catalyst: expand
CREATE TABLE plg_order_sms.opt_outs (
  phone_digest text PRIMARY KEY,
  since text NOT NULL
);
