-- catalyst: expand
ALTER TABLE plg_loyalty_points__accounts ADD COLUMN tier TEXT NOT NULL DEFAULT 'basic';
CREATE INDEX plg_loyalty_points__accounts_tier ON plg_loyalty_points__accounts (tier, customer_id);
