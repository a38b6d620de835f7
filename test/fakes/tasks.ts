/** Specs and new tasks with everything filled in, for tests that care about one part of them. */
import type { TaskSpec } from '../../src/core/spec.ts'
import type { NewTask, Origin } from '../../src/core/task.ts'

export function specFrom(part: Partial<TaskSpec> = {}): TaskSpec {
  return { title: 'A task', goal: 'Do it.', steps: [], acceptance: [], checks: [], abort: false, limits: {}, ...part }
}

export function taskFrom(origin: Partial<Origin> = {}, part: Partial<NewTask> = {}): NewTask {
  return {
    spec: specFrom(),
    workspace: '/tmp/somewhere',
    runtime: 'hand',
    origin: { source: 'api', externalId: 'key', bodySha256: 'body', ...origin },
    ...part,
  }
}
