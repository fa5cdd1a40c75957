-- Version 7. A suspension that ends by itself; all zero: it does not.

ALTER TABLE source_state ADD COLUMN suspend_left_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source_state ADD COLUMN suspend_uptime_s INTEGER NOT NULL DEFAULT 0; -- when that was left
ALTER TABLE source_state ADD COLUMN suspend_until_s INTEGER NOT NULL DEFAULT 0; -- wall; 0: not known
