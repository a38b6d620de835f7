/** What a person said about workspaces: how far each is trusted. Of the others it knows and assumes nothing. */
import { dirname } from 'node:path'
import { asc, eq, sql } from 'drizzle-orm'
import type { Workspace } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { workspaces } = schema

export class Workspaces {
  private readonly ledger: Ledger

  /** Prepared once: each call of a tool asks it. */
  private readonly byPath

  constructor(ledger: Ledger) {
    this.ledger = ledger
    const here = eq(workspaces.path, sql.placeholder('path'))
    this.byPath = ledger.db.select().from(workspaces).where(here).prepare()
  }

  /** The word on this folder, or on the nearest one that it is in. */
  of(path: string): Workspace | null {
    for (let folder = path; ; folder = dirname(folder)) {
      const found = this.byPath.get({ path: folder })
      if (found) return found
      if (folder === dirname(folder)) return null
    }
  }

  /** Whether somebody spoke of this very folder, or worked in it. */
  knows(path: string): boolean {
    const { tasks, sessions } = schema
    const [row] = this.ledger.db.all<{ found: number }>(
      sql`select exists(select 1 from ${workspaces} where ${workspaces.path} = ${path})
        or exists(select 1 from ${tasks} where ${tasks.workspace} = ${path})
        or exists(select 1 from ${sessions} where ${sessions.workspace} = ${path})
        or exists(select 1 from ${tasks} where json_extract(${tasks.isolation}, '$.origin') = ${path}) as found`,
    )
    return row?.found === 1
  }

  list(): Workspace[] {
    return this.ledger.db.select().from(workspaces).orderBy(asc(workspaces.path)).limit(1_000).all()
  }

  /** Where work was done, the latest first; of a worktree the folder that it was made from. */
  recent(limit = 50): string[] {
    const { tasks, sessions } = schema
    const ofTasks = sql`select coalesce(json_extract(${tasks.isolation}, '$.origin'), ${tasks.workspace}) as path,
      ${tasks.updatedAt} as at from ${tasks} where ${tasks.source} <> 'sample'`
    const touchedAt = sql`coalesce(${sessions.updatedAt}, ${sessions.createdAt})`
    const ofSessions = sql`select ${sessions.workspace} as path, ${touchedAt} as at
      from ${sessions} where ${sessions.taskId} is null and ${sessions.parentId} is null`
    const rows = this.ledger.db.all<{ path: string }>(
      sql`select path from (${ofTasks} union all ${ofSessions}) group by path order by max(at) desc limit ${limit}`,
    )
    return rows.map(({ path }) => path)
  }

  say(said: Omit<Workspace, 'at'>): Workspace {
    const workspace = { ...said, at: this.ledger.clock.now() }
    return this.ledger.transact(() => {
      const { path, ...set } = workspace
      this.ledger.db.insert(workspaces).values(workspace).onConflictDoUpdate({ target: workspaces.path, set }).run()
      const { trust, access } = workspace
      this.ledger.emit({ type: 'workspace.trusted', data: { workspace: path, trust, access } })
      return workspace
    })
  }
}
