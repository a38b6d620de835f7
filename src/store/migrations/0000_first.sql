CREATE TABLE `attempts` (
	`task_id` text NOT NULL,
	`number` integer NOT NULL,
	`session_id` text,
	`prompt` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`claim` text,
	`verdict` text,
	PRIMARY KEY(`task_id`, `number`)
);
--> statement-breakpoint
CREATE TABLE `checks` (
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`position` integer NOT NULL,
	`record` text NOT NULL,
	PRIMARY KEY(`task_id`, `attempt`, `position`)
);
--> statement-breakpoint
CREATE TABLE `cursors` (
	`sink` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `deliveries` (
	`sink` text NOT NULL,
	`seq` integer NOT NULL,
	`attempts` integer NOT NULL,
	`due_at` integer NOT NULL,
	`dead` integer NOT NULL,
	`problem` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`sink`, `seq`)
);
--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`sink`,`dead`,`due_at`);--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`machine` text NOT NULL,
	`type` text NOT NULL,
	`task_id` text,
	`session_id` text,
	`data` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_by_task` ON `events` (`task_id`,`seq`);--> statement-breakpoint
CREATE TABLE `intake` (
	`source` text NOT NULL,
	`external_id` text NOT NULL,
	`body_sha256` text NOT NULL,
	`task_id` text,
	`at` integer NOT NULL,
	PRIMARY KEY(`source`, `external_id`)
);
--> statement-breakpoint
CREATE INDEX `intake_by_task` ON `intake` (`task_id`);--> statement-breakpoint
CREATE TABLE `journal` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`session_id` text NOT NULL,
	`at` integer NOT NULL,
	`entry` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `journal_by_session` ON `journal` (`session_id`,`seq`);--> statement-breakpoint
CREATE TABLE `logins` (
	`digest` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`runtime` text NOT NULL,
	`title` text NOT NULL,
	`workspace` text NOT NULL,
	`task_id` text,
	`agent` text,
	`model` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `sessions_by_task` ON `sessions` (`task_id`);--> statement-breakpoint
CREATE TABLE `tasks` (
	`id` text PRIMARY KEY NOT NULL,
	`machine` text NOT NULL,
	`title` text NOT NULL,
	`workspace` text NOT NULL,
	`runtime` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`resume_to` text,
	`attempt` integer NOT NULL,
	`session_id` text,
	`verdict` text,
	`proven` integer NOT NULL,
	`total` integer NOT NULL,
	`source` text NOT NULL,
	`external_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`started_at` integer,
	`ended_at` integer,
	`active_ms` integer NOT NULL,
	`tool_calls` integer NOT NULL,
	`tokens` integer NOT NULL,
	`cost_micros` integer,
	`retry_at` integer,
	`troubles` integer NOT NULL,
	`prompt_number` integer NOT NULL,
	`prompt_text` text,
	`base_commit` text,
	`baseline` text NOT NULL,
	`spec` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `tasks_by_status` ON `tasks` (`status`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_by_session` ON `tasks` (`session_id`);--> statement-breakpoint
CREATE TABLE `usage` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`session_id` text NOT NULL,
	`task_id` text,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`input` integer NOT NULL,
	`output` integer NOT NULL,
	`reasoning` integer NOT NULL,
	`cache_read` integer NOT NULL,
	`cache_write` integer NOT NULL,
	`cost_micros` integer
);
--> statement-breakpoint
CREATE INDEX `usage_by_time` ON `usage` (`at`);--> statement-breakpoint
CREATE INDEX `usage_by_session` ON `usage` (`session_id`);