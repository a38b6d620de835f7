CREATE INDEX `tasks_by_verdict` ON `tasks` (`verdict`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_by_workspace` ON `tasks` (`workspace`,`id`);--> statement-breakpoint
CREATE INDEX `tasks_by_runtime` ON `tasks` (`runtime`,`id`);