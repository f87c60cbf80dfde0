-- catalyst: expand
CREATE TABLE plg_order_sms.messages (
  order_id text NOT NULL,
  event text NOT NULL,
  state text NOT NULL CHECK (state IN ('claimed', 'sent', 'skipped', 'failed', 'unknown')),
  sid text,
  error text,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (order_id, event)
);
