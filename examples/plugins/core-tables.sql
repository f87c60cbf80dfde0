-- The part of a store's core tables that the example plugins read, as SQLite. Amounts are in the minor unit.
CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT, locale TEXT NOT NULL DEFAULT 'en');
CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  number TEXT NOT NULL,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  status TEXT NOT NULL,
  placed_at TEXT NOT NULL,
  total_amount INTEGER NOT NULL,
  total_currency TEXT NOT NULL,
  payment_id TEXT,
  shipping_address TEXT,
  carrier TEXT,
  tracking_number TEXT,
  shipped_at TEXT
);
CREATE TABLE products (
  sku TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  url TEXT NOT NULL,
  image_url TEXT,
  price_amount INTEGER NOT NULL,
  price_currency TEXT NOT NULL,
  stock INTEGER NOT NULL,
  brand TEXT,
  gtin TEXT,
  active INTEGER NOT NULL DEFAULT 1
);
