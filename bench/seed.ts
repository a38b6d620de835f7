/** Fills a store with a past: many ended tasks and their events, straight into the tables. Only for the benchmark. */
import Database from 'better-sqlite3'

const columns = [
  ...['id', 'machine', 'title', 'workspace', 'runtime', 'status', 'verdict', 'attempt', 'proven', 'total', 'source'],
  ...['external_id', 'created_at', 'updated_at', 'ended_at', 'active_ms', 'tool_calls', 'tokens', 'cost_micros'],
  ...['troubles', 'prompt_number', 'baseline', 'spec'],
]

export function seed(path: string, { tasks, events }: { tasks: number; events: number }): void {
  const db = new Database(path)
  const now = Date.now()
  const marks = columns.map(() => '?').join(', ')
  const task = db.prepare(`insert into tasks (${columns.join(', ')}) values (${marks})`)
  const event = db.prepare('insert into events (at, machine, type, task_id, data) values (?, ?, ?, ?, ?)')
  const spec = { title: 'x', goal: 'x', steps: [], acceptance: [], checks: [], abort: false, limits: {} }
  const specText = JSON.stringify({ ...spec, goal: 'Make the upload retry with backoff. '.repeat(20) })
  const data = JSON.stringify({ summary: 'a line of what happened '.repeat(8) })
  db.transaction(() => {
    for (let i = 0; i < tasks; i++) {
      const id = `t_0${String(i).padStart(15, '0')}`
      const life = [now - i * 1_000, now - i * 1_000, now, 60_000, 12, 4_000, null, 0, 1, '{}', specText]
      const head = [
        id,
        'local',
        `Task number ${i} of the past`,
        `/srv/project-${i % 40}`,
        'builtin',
        'done',
        'verified',
      ]
      task.run(...head, 1, 2, 2, 'api', `seed-${i}`, ...life)
    }
    for (let i = 0; i < events; i++) {
      event.run(now, 'local', 'tool.ended', `t_0${String(i % tasks).padStart(15, '0')}`, data)
    }
  })()
  db.close()
}
