CREATE TABLE `flakes` (
	`workspace` text NOT NULL,
	`spec_sha256` text NOT NULL,
	`title` text NOT NULL,
	`looks` integer NOT NULL,
	`flaky` integer NOT NULL,
	`flaky_at` integer,
	`quarantine` text,
	PRIMARY KEY(`workspace`, `spec_sha256`)
);
--> statement-breakpoint
ALTER TABLE `tasks` ADD `base_tree` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `added` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `accepted` text;--> statement-breakpoint
ALTER TABLE `tasks` ADD `isolation` text;