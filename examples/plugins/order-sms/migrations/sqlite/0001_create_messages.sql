-- catalyst: expand
CREATE TABLE plg_order_sms__messages (
  order_id TEXT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('claimed', 'sent', 'skipped', 'failed', 'unknown')),
  sid TEXT,
  error TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (order_id, event)
);
