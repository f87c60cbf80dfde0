-- catalyst: expand
CREATE TABLE plg_loyalty_points.accounts (
  customer_id text PRIMARY KEY,
  email text,
  created_at text NOT NULL
);

-- Entries of a customer are numbered from 1 without a gap, and are never changed.
CREATE TABLE plg_loyalty_points.journal (
  customer_id text NOT NULL REFERENCES plg_loyalty_points.accounts (customer_id),
  sequence bigint NOT NULL CHECK (sequence > 0),
  kind text NOT NULL CHECK (kind IN ('earn', 'take-back', 'redeem', 'expire')),
  order_id text NOT NULL,
  amount bigint CHECK (amount > 0),
  at text NOT NULL,
  PRIMARY KEY (customer_id, sequence),
  UNIQUE (kind, order_id)
);

-- Two for each entry: what the customer gets, and the other side of the books.
CREATE TABLE plg_loyalty_points.postings (
  customer_id text NOT NULL,
  sequence bigint NOT NULL,
  account text NOT NULL CHECK (account IN ('customer', 'issued', 'redeemed', 'expired')),
  points bigint NOT NULL,
  expires_at text,
  PRIMARY KEY (customer_id, sequence, account),
  FOREIGN KEY (customer_id, sequence) REFERENCES plg_loyalty_points.journal (customer_id, sequence)
);
CREATE INDEX postings_expires_at ON plg_loyalty_points.postings (expires_at);
