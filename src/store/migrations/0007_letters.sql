-- What is found by search is read anew from the journal, a portion at each search: it was kept in another way before.
DROP TABLE `journal_text`;--> statement-breakpoint
CREATE VIRTUAL TABLE `journal_text` USING fts5(`text`, `session_id` UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
