-- catalyst: expand
CREATE TABLE plg_order_sms__opt_outs (
  phone_digest TEXT PRIMARY KEY,
  since TEXT NOT NULL
);
