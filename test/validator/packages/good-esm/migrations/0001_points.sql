-- catalyst: expand
CREATE TABLE points (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)
