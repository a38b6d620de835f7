/** Checks that were tried again: how often their results differed, and who vouches for one until when. */
import { and, desc, eq } from 'drizzle-orm'
import type { CheckSpec } from '../core/check.ts'
import type { Quarantine } from '../core/verdict.ts'
import { canonicalJson } from '../lib/canonical.ts'
import { sha256 } from '../lib/digest.ts'
import type { Ledger } from './ledger.ts'
import * as schema from './schema.ts'

const { flakes } = schema
type Row = typeof flakes.$inferSelect

export interface Flake extends Omit<Row, 'specSha256'> {
  /** Of the check in its workspace; any unambiguous start of it will do. */
  id: string
  /** Share of the looks in which its results differed. */
  rate: number
}

const idChars = 16

export class Flakes {
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** One more look at a check; only inside the transaction that stores it. */
  saw(workspace: string, spec: CheckSpec, { title, flaky }: { title: string; flaky: boolean }): void {
    const before = this.row(workspace, spec)
    const flakyAt = flaky ? this.ledger.clock.now() : (before?.flakyAt ?? null)
    const counts = { looks: (before?.looks ?? 0) + 1, flaky: (before?.flaky ?? 0) + (flaky ? 1 : 0), flakyAt }
    const target = [flakes.workspace, flakes.specSha256]
    const row = { workspace, specSha256: digestOf(spec), title, ...counts }
    this.ledger.db
      .insert(flakes)
      .values(row)
      .onConflictDoUpdate({ target, set: { title, ...counts } })
      .run()
  }

  /** The word of a person that holds now. */
  quarantineOf(workspace: string, spec: CheckSpec): Quarantine | null {
    const found = this.row(workspace, spec)?.quarantine ?? null
    return found && found.until > this.ledger.clock.now() ? found : null
  }

  /** Those that are flaky or in quarantine first, what happened last before the others. */
  list(): Flake[] {
    return this.ledger.db
      .select()
      .from(flakes)
      .orderBy(desc(flakes.flakyAt), desc(flakes.looks), flakes.title)
      .all()
      .map(flakeOf)
  }

  /** By the start of its id; several when it is ambiguous. */
  find(start: string): Flake[] {
    return /^[0-9a-f]{2,}$/.test(start) ? this.list().filter(({ id }) => id.startsWith(start)) : []
  }

  quarantine(flake: Flake, quarantine: Quarantine): void {
    const { title, workspace } = flake
    this.change(flake, quarantine, { type: 'check.quarantined', data: { title, workspace, ...quarantine } })
  }

  release(flake: Flake): void {
    const { title, workspace } = flake
    this.change(flake, null, { type: 'check.released', data: { title, workspace } })
  }

  private change(flake: Flake, quarantine: Quarantine | null, event: Parameters<Ledger['emit']>[0]): void {
    this.ledger.transact(() => {
      const rows = this.ledger.db.select().from(flakes).where(eq(flakes.workspace, flake.workspace)).all()
      const row = rows.find((one) => idOf(one) === flake.id)
      if (!row) throw new Error(`the check ${flake.id} is not in the ledger of flakes`)
      this.ledger.db.update(flakes).set({ quarantine }).where(at(row.workspace, row.specSha256)).run()
      this.ledger.emit(event)
    })
  }

  private row(workspace: string, spec: CheckSpec): Row | null {
    return (
      this.ledger.db
        .select()
        .from(flakes)
        .where(at(workspace, digestOf(spec)))
        .get() ?? null
    )
  }
}

const digestOf = (spec: CheckSpec): string => sha256(canonicalJson(spec))

const at = (workspace: string, specSha256: string) =>
  and(eq(flakes.workspace, workspace), eq(flakes.specSha256, specSha256))

/** The same command in two folders is two checks. */
const idOf = ({ workspace, specSha256 }: Pick<Row, 'workspace' | 'specSha256'>): string =>
  sha256(`${workspace}\0${specSha256}`).slice(0, idChars)

function flakeOf({ specSha256, ...row }: Row): Flake {
  return { ...row, id: idOf({ workspace: row.workspace, specSha256 }), rate: row.looks > 0 ? row.flaky / row.looks : 0 }
}
