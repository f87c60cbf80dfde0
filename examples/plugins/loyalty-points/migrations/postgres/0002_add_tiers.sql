-- catalyst: expand
ALTER TABLE plg_loyalty_points.accounts ADD COLUMN tier text NOT NULL DEFAULT 'basic';
CREATE INDEX accounts_tier ON plg_loyalty_points.accounts (tier, customer_id);
