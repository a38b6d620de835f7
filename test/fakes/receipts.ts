/** A small installation that signs receipts: real keys and a real store in a folder, drafts with made-up facts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleKind } from '../../src/cli/receipt-bundle.ts'
import { payloadType, type ReceiptDraft, statementOf } from '../../src/core/receipt.ts'
import { canonicalJson } from '../../src/lib/canonical.ts'
import { type Envelope, signEnvelope } from '../../src/lib/dsse.ts'
import { Keyring } from '../../src/store/keyring.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { HandClock } from './clock.ts'

export const someDigest = 'ab'.repeat(32)

export function draftOf(fields: Partial<ReceiptDraft> = {}): ReceiptDraft {
  return {
    task: { id: 't_1', attempt: 1, titleSha256: someDigest, specSha256: someDigest },
    verdict: 'verified',
    checks: [],
    workspace: { baseCommit: null, headCommit: null, tree: null, treeMissing: 'nobody looked' },
    runtime: 'builtin',
    models: ['p/m'],
    taskStartedAt: '2026-11-21T07:00:00.000Z',
    verdictAt: '2026-11-21T07:01:00.000Z',
    program: { name: 'openloom', version: '0.1.0' },
    machine: 'desk',
    ...fields,
  }
}

export class SigningHouse {
  readonly folder = mkdtempSync(join(tmpdir(), 'loom-receipts-'))
  readonly clock = new HandClock()
  readonly keyring = new Keyring(this.folder, this.clock)
  readonly path = join(this.folder, 'openloom.db')
  readonly store: Store = openStore({ path: this.path, clock: this.clock })

  issue(fields: Partial<ReceiptDraft> = {}): Envelope {
    const signer = this.keyring.signer()
    const item = this.store.receipts.append(draftOf(fields), (facts) =>
      signEnvelope(payloadType, canonicalJson(statementOf(facts)), [signer]),
    )
    const row = this.store.receipts.get(item.seq)
    if (!row) throw new Error('not stored')
    return row.envelope
  }

  envelopes(): Envelope[] {
    return this.store.receipts.after(0, 1_000).map((row) => row.envelope)
  }

  bundle(envelopes: readonly unknown[] = this.envelopes(), task: string | null = null): string {
    return JSON.stringify({ kind: bundleKind, task, keys: this.keyring.keys(), envelopes })
  }

  close(): void {
    this.store.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
