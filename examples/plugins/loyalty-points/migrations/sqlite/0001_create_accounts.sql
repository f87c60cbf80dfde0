-- catalyst: expand
CREATE TABLE plg_loyalty_points__accounts (
  customer_id TEXT PRIMARY KEY,
  email TEXT,
  created_at TEXT NOT NULL
);

-- Entries of a customer are numbered from 1 without a gap, and are never changed.
CREATE TABLE plg_loyalty_points__journal (
  customer_id TEXT NOT NULL REFERENCES plg_loyalty_points__accounts (customer_id),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  kind TEXT NOT NULL CHECK (kind IN ('earn', 'take-back', 'redeem', 'expire')),
  order_id TEXT NOT NULL,
  amount INTEGER CHECK (amount > 0),
  at TEXT NOT NULL,
  PRIMARY KEY (customer_id, sequence),
  UNIQUE (kind, order_id)
);

-- Two for each entry: what the customer gets, and the other side of the books.
CREATE TABLE plg_loyalty_points__postings (
  customer_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  account TEXT NOT NULL CHECK (account IN ('customer', 'issued', 'redeemed', 'expired')),
  points INTEGER NOT NULL,
  expires_at TEXT,
  PRIMARY KEY (customer_id, sequence, account),
  FOREIGN KEY (customer_id, sequence) REFERENCES plg_loyalty_points__journal (customer_id, sequence)
);
CREATE INDEX plg_loyalty_points__postings_expires_at ON plg_loyalty_points__postings (expires_at);
