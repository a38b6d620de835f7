CREATE TABLE `asks` (
	`id` text NOT NULL,
	`runtime` text NOT NULL,
	`session_id` text NOT NULL,
	`root_id` text NOT NULL,
	`task_id` text,
	`workspace` text NOT NULL,
	`scope` text NOT NULL,
	`request` text NOT NULL,
	`status` text NOT NULL,
	`reply` text,
	`by` text,
	`asked_at` integer NOT NULL,
	`ended_at` integer,
	PRIMARY KEY(`runtime`, `id`)
);
--> statement-breakpoint
CREATE INDEX `asks_by_status` ON `asks` (`status`,`asked_at`);--> statement-breakpoint
CREATE INDEX `asks_by_root` ON `asks` (`root_id`,`status`);--> statement-breakpoint
CREATE TABLE `grants` (
	`id` text PRIMARY KEY NOT NULL,
	`runtime` text NOT NULL,
	`workspace` text NOT NULL,
	`permission` text NOT NULL,
	`pattern` text NOT NULL,
	`created_at` integer NOT NULL,
	`ask_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `grants_by_place` ON `grants` (`runtime`,`workspace`,`permission`);--> statement-breakpoint
CREATE TABLE `prompts` (
	`prompt_id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`message_id` text NOT NULL,
	`sent_at` integer
);
--> statement-breakpoint
CREATE INDEX `prompts_by_session` ON `prompts` (`session_id`);--> statement-breakpoint
CREATE INDEX `prompts_by_message` ON `prompts` (`message_id`);--> statement-breakpoint
DROP INDEX `usage_by_session`;--> statement-breakpoint
ALTER TABLE `usage` ADD `message_id` text;--> statement-breakpoint
CREATE INDEX `usage_by_session` ON `usage` (`session_id`,`message_id`);--> statement-breakpoint
ALTER TABLE `sessions` ADD `parent_id` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `updated_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `state` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `state_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `gone_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `quiet_checks` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `quiet_since` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `quiet_mark` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `stalled_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `rescues` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `diagnosis` text;--> statement-breakpoint
CREATE INDEX `sessions_by_parent` ON `sessions` (`parent_id`);--> statement-breakpoint
CREATE INDEX `sessions_by_time` ON `sessions` (`updated_at`,`id`);