-- catalyst: contract
-- Customers are known by their id alone; their addresses are the store's.
ALTER TABLE plg_loyalty_points__accounts DROP COLUMN email;
