/** Examples for the checks that compare with what they said before the work. The contract suite runs them. */
import type { CheckContext, CheckResult } from '../../src/core/check.ts'
import { sha256 } from '../../src/lib/digest.ts'
import type { CheckExample, CheckExamples } from '../contracts/checker.ts'
import type { TemporaryWorkspace } from '../fakes/workspace.ts'

type Facts = CheckResult['evidence']['facts']

const before = (outcome: CheckResult['outcome'], facts: Facts = {}, exitCode = 1): Partial<CheckContext> => ({
  before: { outcome, evidence: { summary: 'as it was', subject: 'x', exitCode, facts } },
})

const example = (
  outcome: CheckExample['outcome'],
  when: string,
  says: RegExp,
  { run, arrange }: { run?: string; arrange: (w: TemporaryWorkspace) => Partial<CheckContext> | undefined },
): CheckExample => ({ outcome, when, says, arrange, spec: run === undefined ? {} : { run } })

/** Prints names as TAP does and ends with 1. */
const tap = (...names: string[]): string => `printf 'not ok - %s\\n' ${names.join(' ')}; exit 1`

const noWorse: CheckExamples = {
  long: { run: 'sleep 60' },
  at: (path) => ({ run: 'true', cwd: path }),
  examples: [
    example('pass', 'nothing fails', /nothing fails/, { run: 'true', arrange: () => before('pass') }),
    example('pass', 'only what failed before fails', /No new.*failing before and are not blamed on the work: a; b/, {
      run: tap('a', 'b'),
      arrange: () => before('fail', { failing: ['a', 'b', 'c'] }),
    }),
    example('fail', 'it fails in something new', /^New failures: b\. .*not blamed on the work: a\.$/, {
      run: tap('a', 'b'),
      arrange: () => before('fail', { failing: ['a'] }),
    }),
    example('fail', 'nothing failed before', /1: a; before the work nothing failed/, {
      run: tap('a'),
      arrange: () => before('pass'),
    }),
    example('fail', 'it is the look before the work', /^It ended with 1: a\.$/, {
      run: tap('a'),
      arrange: () => undefined,
    }),
    example('fail', 'its folder is gone', /does not exist/, {
      run: 'true',
      arrange: () => ({ workspace: '/no/such' }),
    }),
    example('error', 'it was not seen before', /could not be looked at before/, {
      run: 'false',
      arrange: () => before('error'),
    }),
    example('error', 'it names no failures', /failed before.*does not name/, {
      run: 'false',
      arrange: () => before('fail', { failing: ['a'] }),
    }),
    example('error', 'it ends in another way than before', /in another way/, {
      run: `${tap('a')}3`,
      arrange: () => before('fail', { failing: ['a'] }),
    }),
    example('error', 'it fails in more than can be read', /in another way/, {
      run: `head -c 3000000 /dev/zero; echo; ${tap('a')}`,
      arrange: () => before('fail', { failing: ['a'] }),
    }),
    example('error', 'a program is missing', /program is missing/, {
      run: 'no-such-program',
      arrange: () => before('error'),
    }),
    example('fail', 'a program is missing that was there before', /127; before the work nothing failed/, {
      run: 'no-such-program',
      arrange: () => before('pass'),
    }),
  ],
}

const line = (path: string, text: string): string => `${sha256(text).slice(0, 16)} ${path}`

const anyChange: CheckExamples = {
  examples: [
    example('fail', 'it is the look before the work', /about to begin/, {
      arrange: (w) => {
        w.write('a', 'a')
        return undefined
      },
    }),
    example('pass', 'a file is new, without git', /1 file has changed/, {
      arrange: (w) => {
        w.write('a', 'a').write('b', 'b')
        return before('fail', { files: [line('a', 'a')] })
      },
    }),
    example('pass', 'a file is gone, without git', /1 file has changed/, {
      arrange: (w) => {
        w.write('a', 'a')
        return before('fail', { files: [line('a', 'a'), line('b', 'b')] })
      },
    }),
    example('fail', 'only what the checks write is new', /Nothing has changed/, {
      arrange: (w) => {
        w.write('a', 'a').write('report.xml', '2').write('x/__pycache__/y.pyc', '').write('coverage/index.html', '')
        return before('fail', { files: [line('a', 'a')], writtenByChecks: ['report.xml'] })
      },
    }),
    example('fail', 'what was uncommitted before is committed', /Nothing has changed/, {
      arrange: (w) => {
        const baseCommit = w.write('a', 'a').commit()
        w.write('a', 'b').commit()
        return { baseCommit, ...before('fail', { files: [line('a', 'b')] }) }
      },
    }),
    example('pass', 'what was uncommitted before has changed again', /1 file has changed/, {
      arrange: (w) => {
        const baseCommit = w.write('a', 'a').commit()
        w.write('a', 'c')
        return { baseCommit, ...before('fail', { files: [line('a', 'b')] }) }
      },
    }),
    example('error', 'there is no commit to compare with', /No commit/, {
      arrange: (w) => {
        w.run('git', 'init', '--quiet')
        return before('fail', { files: [] })
      },
    }),
    example('error', 'the files could not be looked at before', /before the work/, { arrange: () => before('error') }),
    example('error', 'the workspace is gone', /cannot be read/, {
      arrange: () => ({ workspace: '/no/such/workspace', ...before('fail', { files: [] }) }),
    }),
  ],
}

export const comparingExamples: Record<string, CheckExamples> = { no_worse: noWorse, any_change: anyChange }
