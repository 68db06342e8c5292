-- Whom a package on the pick-up page is about: patient and uniqueId of each submission set, JSON (R-32-41).
ALTER TABLE pickup ADD COLUMN sets TEXT NOT NULL DEFAULT '[]';

-- sealed 1: the mail was ordered signed and encrypted, and goes out in no other way. state 8: withdrawn before it was sent.
ALTER TABLE mail_sent ADD COLUMN sealed INTEGER NOT NULL DEFAULT 1;
