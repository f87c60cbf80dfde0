DROP INDEX plg_loyalty_points__accounts_tier;
ALTER TABLE plg_loyalty_points__accounts DROP COLUMN tier;
