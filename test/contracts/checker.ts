/** What every checker promises (core/check.ts), as a suite that each member runs with its own examples. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkSchema } from '../../src/checks/index.ts'
import { type AnyChecker, type CheckContext, type CheckOutcome, excerptCharsMax } from '../../src/core/check.ts'
import { ownedProcesses } from '../../src/lib/process.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

export interface CheckExample {
  /** Reads on: "says pass when …". */
  when: string
  outcome: CheckOutcome
  spec: Record<string, unknown>
  /** What the summary must say. */
  says: RegExp
  /** Makes the workspace so; what it gives is added to the context. */
  arrange?: (workspace: TemporaryWorkspace) => Partial<CheckContext> | undefined
}

export interface CheckExamples {
  examples: readonly CheckExample[]
  /** A spec that takes the path (all that the checker reads lies there); absent where a check takes no path. */
  at?: (path: string) => Record<string, unknown>
  /** A spec that would go on for long, and would pass. */
  long?: Record<string, unknown>
}

export function checkerContract(checker: AnyChecker, { examples, at, long }: CheckExamples): void {
  describe(checker.kind, () => {
    let workspace: TemporaryWorkspace
    beforeEach(() => {
      workspace = new TemporaryWorkspace()
    })
    afterEach(() => workspace.remove())

    const run = (fields: Record<string, unknown>, context: Partial<CheckContext> = {}) =>
      checker.run(checkSchema.parse({ kind: checker.kind, ...fields }), workspace.context(context))

    it.each(examples)('says $outcome when $when', async ({ arrange, spec, outcome, says }) => {
      const { evidence, ...result } = await run(spec, arrange?.(workspace))
      expect({ ...result, summary: evidence.summary }).toEqual({ outcome, summary: expect.stringMatching(says) })
      expect(evidence.subject).not.toBe('')
      expect((evidence.excerpt ?? '').length).toBeLessThanOrEqual(excerptCharsMax + 100)
      if (outcome === 'pass' && !/absent/.test(checker.kind) && !/folder/.test(evidence.summary)) {
        expect(evidence.sha256).toMatch(/^[0-9a-f]{64}$/)
      }
      expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence)
      expect(ownedProcesses(workspace.owner)).toEqual([])
    })

    it('has an example of each outcome', () => {
      expect(new Set(examples.map((example) => example.outcome))).toEqual(new Set(['pass', 'fail', 'error']))
    })

    it('is an error, not a pass, when it is stopped before it began', async () => {
      const passing = examples.find((example) => example.outcome === 'pass')
      const more = passing?.arrange?.(workspace)
      const result = await run(passing?.spec ?? {}, { ...more, signal: AbortSignal.abort() })
      expect(result.outcome).toBe('error')
    })

    if (long) {
      it('ends soon after it is stopped and leaves no process', async () => {
        const stop = new AbortController()
        const running = run(long, { signal: stop.signal })
        setImmediate(() => stop.abort())
        expect((await running).outcome).toBe('error')
        expect(ownedProcesses(workspace.owner)).toEqual([])
      })
    }

    if (at) {
      it.each(['../secret', 'a/../../secret'])('refuses the path %s before it runs', (path) => {
        expect(checkSchema.safeParse({ kind: checker.kind, ...at(path) }).success).toBe(false)
      })

      it.each(['an absolute path', 'a symlink', 'a symlinked folder', 'a FIFO'])('never passes by %s', async (way) => {
        workspace.write('../secret/file', 'secret').link('link', '../secret/file').link('folder', '../secret')
        workspace.run('mkfifo', 'fifo')
        const ways: Record<string, string> = {
          'an absolute path': `${workspace.outside}/secret/file`,
          'a symlink': 'link',
          'a symlinked folder': 'folder/file',
          'a FIFO': 'fifo',
        }
        const path = ways[way] ?? ''
        const result = await run(at(path), { baseline: { [path]: null } })
        expect(result.outcome).not.toBe('pass')
        expect(JSON.stringify(result)).not.toContain('"excerpt":"secret')
      })
    }
  })
}
