DROP INDEX plg_loyalty_points.accounts_tier;
ALTER TABLE plg_loyalty_points.accounts DROP COLUMN tier;
