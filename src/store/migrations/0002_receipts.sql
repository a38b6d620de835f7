CREATE TABLE `receipts` (
	`seq` integer PRIMARY KEY NOT NULL,
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`digest` text NOT NULL,
	`prev` text,
	`envelope` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `receipts_by_task` ON `receipts` (`task_id`,`seq`);--> statement-breakpoint
ALTER TABLE `events` ADD `hash` text;