-- The column comes back empty: what was in it is in the backup only.
ALTER TABLE plg_loyalty_points__accounts ADD COLUMN email TEXT;
