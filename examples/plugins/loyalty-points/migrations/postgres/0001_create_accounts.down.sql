DROP TABLE plg_loyalty_points.postings;
DROP TABLE plg_loyalty_points.journal;
DROP TABLE plg_loyalty_points.accounts;
