ALTER TABLE `asks` ADD `call` text;--> statement-breakpoint
ALTER TABLE `asks` ADD `deferred` text;--> statement-breakpoint
CREATE INDEX `asks_by_task` ON `asks` (`task_id`,`deferred`);