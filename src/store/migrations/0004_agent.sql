CREATE TABLE `workspaces` (
	`path` text PRIMARY KEY NOT NULL,
	`trust` text NOT NULL,
	`access` text NOT NULL,
	`settings_sha256` text,
	`at` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `sessions` ADD `archived_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `forked_from` text;--> statement-breakpoint
ALTER TABLE `tasks` DROP COLUMN `base_tree`;--> statement-breakpoint
CREATE VIRTUAL TABLE `journal_text` USING fts5(`text`, `session_id` UNINDEXED, tokenize = 'unicode61 remove_diacritics 2');
