-- catalyst: breaking
-- An entry may stand for more than an order: each refund of an order gets one of its own.
ALTER TABLE plg_loyalty_points__journal RENAME COLUMN order_id TO reference;
UPDATE plg_loyalty_points__journal SET reference = 'order:' || reference WHERE kind IN ('earn', 'expire');
UPDATE plg_loyalty_points__journal SET reference = 'order:' || reference || '/refund:all' WHERE kind = 'take-back';
UPDATE plg_loyalty_points__journal SET reference = 'redeem:' || reference WHERE kind = 'redeem';
