-- Version 2. What limpet.yaml says of a revision's place among the releases.

-- 0: none. A floor's is the highest that was ever accepted.
ALTER TABLE revision ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revision ADD COLUMN expires_s INTEGER NOT NULL DEFAULT 0; -- 0: never
ALTER TABLE floor ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
