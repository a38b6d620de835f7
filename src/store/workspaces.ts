/** What a person said about workspaces: how far each is trusted. Of the others it knows and assumes nothing. */
import { dirname } from 'node:path'
import { asc, eq } from 'drizzle-orm'
import type { Workspace } from '../core/session.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { workspaces } = schema

export class Workspaces {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** The word on this folder, or on the nearest one that it is in. */
  of(path: string): Workspace | null {
    for (let folder = path; ; folder = dirname(folder)) {
      const found = this.ledger.db.select().from(workspaces).where(eq(workspaces.path, folder)).get()
      if (found) return found
      if (folder === dirname(folder)) return null
    }
  }

  list(): Workspace[] {
    return this.ledger.db.select().from(workspaces).orderBy(asc(workspaces.path)).limit(1_000).all()
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
