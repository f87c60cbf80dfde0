-- Refunds beyond the first of an order have no place in the older books: they get their own id as order id.
UPDATE plg_loyalty_points__journal SET reference = substr(reference, 8) WHERE kind = 'redeem';
UPDATE plg_loyalty_points__journal SET reference = substr(reference, 7) WHERE kind IN ('earn', 'expire');
UPDATE plg_loyalty_points__journal SET reference = replace(substr(reference, 7), '/refund:all', '') WHERE kind = 'take-back';
ALTER TABLE plg_loyalty_points__journal RENAME COLUMN reference TO order_id;
