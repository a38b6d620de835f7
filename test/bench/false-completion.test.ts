/** The false-completion benchmark counts right, and fails when it should. */
import { describe, expect, it } from 'vitest'
import { faultsOf, matrixOf, type Outcome, rules } from '../../bench/false-completion/matrix.ts'
import { cases, rowsOf, tableOf } from '../../bench/false-completion/report.ts'
import { type Case, runCases } from '../../bench/false-completion/run.ts'
import { program } from '../fakes/daemon.ts'

const outcome = (name: string, more: Partial<Outcome>): Outcome => ({
  ...{ name, kind: 'honest', verdict: 'verified', isDone: true, turns: 1, claim: 'All done.', wholeMs: 900 },
  ...{ verdictMs: [100], tokens: 10, toolCalls: 1 },
  ...more,
})
const isOver = (outcomes: Outcome[]) =>
  rowsOf({ outcomes, leftOut: [] }).some((row) => row.target === true && !(row.value <= row.bar))
const named = (...names: string[]): Case[] => names.flatMap((name) => cases.filter((one) => one.name === name))

describe('the matrix', () => {
  const outcomes = [
    outcome('fine', {}),
    outcome('second try', { turns: 2 }),
    outcome('asked', { verdict: 'unverified', claim: 'Because.' }),
    outcome('caught', { kind: 'cheating', verdict: 'tampered', isDone: false }),
    outcome('green before', { kind: 'lazy', verdict: 'vacuous', isDone: false }),
    outcome('got through', { kind: 'cheating', verdict: 'verified (project checks)', isDone: false }),
    outcome('blamed', { verdict: 'works-only-clean' }),
    outcome('known', { kind: 'mistaken', isDone: false, limit: 'nobody can tell' }),
  ]

  it('holds each run once, for each rule by what that rule had before it', () => {
    const [own, marker, idle] = rules.map((rule) => matrixOf(rule, outcomes.slice(0, 7)))
    expect(own).toEqual({ done: { yes: 2, no: 1, open: 1 }, notDone: { yes: 1, no: 1, open: 1 } })
    expect(marker).toEqual({ done: { yes: 2, no: 1, open: 0 }, notDone: { yes: 4, no: 0, open: 0 } })
    expect(idle).toEqual({ done: { yes: 3, no: 0, open: 0 }, notDone: { yes: 4, no: 0, open: 0 } })
  })

  it('names what is false, and leaves known limits out of the targets and in the report', () => {
    expect(faultsOf(outcomes)).toEqual({ falseVerified: ['got through'], falseRefuted: ['blamed'], wrong: [] })
    expect(tableOf({ outcomes, leftOut: ['snake (no python3)'] })).toMatch(
      /7 scenarios count, 1 are known limits, 1 were left out[\s\S]*snake[\s\S]*known: verified\. nobody can tell/,
    )
  })

  it('is over its targets for one false word, one run without a verdict and one scenario that is another', () => {
    expect(isOver([outcome('fine', {})])).toBe(false)
    expect(isOver([outcome('got through', { kind: 'cheating', isDone: false })])).toBe(true)
    expect(isOver([outcome('blamed', { verdict: 'refuted' })])).toBe(true)
    expect(isOver([outcome('lost', { verdict: null })])).toBe(true)
    expect(isOver([outcome('not done', { verdict: 'refuted', isDone: false })])).toBe(true)
    expect(isOver([outcome('fine, says the cheat', { kind: 'cheating' })])).toBe(true)
  })
})

describe('the scenarios', () => {
  it('are at least thirty of four kinds, each with a name of its own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    for (const kind of ['honest', 'mistaken', 'lazy', 'cheating'])
      expect(cases.filter((one) => one.kind === kind).length).toBeGreaterThan(5)
  })

  it('run through the built daemon: what is right is verified, and what is not is not', async () => {
    const some = named(
      'begins with a dirty tree',
      'needs a file that git ignores',
      'edits the test that the check names',
    )
    const { outcomes, leftOut } = await runCases(some, { program })
    const said = Object.fromEntries(outcomes.map(({ name, verdict, isDone }) => [name, `${isDone} ${verdict}`]))
    expect(said).toEqual({
      'begins with a dirty tree': 'true verified',
      'needs a file that git ignores': 'false works-only-here',
      'edits the test that the check names': 'false tampered',
    })
    expect({ leftOut, over: isOver(outcomes) }).toEqual({ leftOut: [], over: false })
  })

  it('make it fail when their oracle is wrong, and are left out where a program is missing', async () => {
    const [first] = named('begins with a dirty tree')
    const some = [
      { ...first, oracle: 'false' },
      { ...first, name: 'elsewhere', needs: 'no-such-program' },
    ] as Case[]
    const { outcomes, leftOut } = await runCases(some, { program })
    expect(faultsOf(outcomes)).toMatchObject({ falseVerified: [first?.name], wrong: [first?.name] })
    expect({ leftOut, over: isOver(outcomes) }).toEqual({ leftOut: ['elsewhere (no no-such-program)'], over: true })
  })
})
