/**
 * Receipt: the signed, portable record of a verdict. Here is its shape, an in-toto Statement v1 with the test-result
 * predicate; it holds names, numbers and digests, and never source text, output or the text of a task.
 */
import { z } from 'zod'
import type { Verdict } from './verdict.ts'

export const payloadType = 'application/vnd.in-toto+json'
export const statementType = 'https://in-toto.io/Statement/v1'
export const testResultType = 'https://in-toto.io/attestation/test-result/v0.1'
export const rotationType = 'urn:openloom:key-rotation:v1'

const hex64 = z.string().regex(/^[0-9a-f]{64}$/)
/** SHA-1 or SHA-256, as the repository has them. */
const gitId = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
const instant = z.iso.datetime()
const count = z.number().int().min(0)

const treeSchema = z.object({
  gitTree: gitId,
  /** Which files it is of: those that git does not ignore, or all below the folder. */
  listing: z.enum(['git', 'folder']),
  entries: count,
  sizeBytes: count,
})
export type TreeDigest = z.infer<typeof treeSchema>

/** Of the tests only their number and a digest: names may be many, and long. */
const censusSchema = z.object({
  format: z.string(),
  passed: count,
  failed: count,
  skipped: count,
  /** Of the canonical JSON of the sorted names, by what became of them. */
  namesSha256: hex64,
  /** Whether every name is in that digest. */
  whole: z.boolean(),
})
export type ReceiptCensus = z.infer<typeof censusSchema>

const checkSchema = z.object({
  title: z.string(),
  kind: z.string(),
  specSha256: hex64,
  outcome: z.string(),
  /** What it said before the work; null: not known. */
  base: z.string().nullable().optional(),
  /** What it said in a clean checkout of the result. */
  clean: z.string().optional(),
  /** Who brought it, when it was not the task: `project` or `proposed`. */
  origin: z.string().optional(),
  exitCode: z.number().int().nullable(),
  /** Of everything that the check looked at: file bytes, the whole output. */
  outputSha256: hex64.nullable(),
  /** Path in the workspace, when `outputSha256` is the digest of that file. */
  file: z.string().nullable(),
  startedAt: instant,
  durationMs: count,
  /** What the command reported of its tests, now and before the work. */
  census: censusSchema.optional(),
  baseCensus: censusSchema.optional(),
  /** Runs on the same files, and those of them that failed. */
  flaky: z.object({ runs: count, failed: count }).optional(),
  /** Why fewer tests stand behind it than before the work: how many reasons, and their digest. */
  weakened: z.object({ reasons: count, sha256: hex64 }).optional(),
  /** A person answers for its failure until then. */
  quarantined: z.object({ owner: z.string(), until: instant }).optional(),
})
export type ReceiptCheck = z.infer<typeof checkSchema>

const ownSchema = z.object({
  /** Place in the chain of this installation, from 1. */
  seq: z.number().int().min(1),
  /** Digest of the envelope before it; null for the first. */
  prev: hex64.nullable(),
  /** Head of the event log when this was signed: whoever rewrites the log has to forge this too. */
  log: z.object({ seq: count, hash: hex64 }).nullable(),
  task: z.object({ id: z.string(), attempt: count, titleSha256: hex64, specSha256: hex64 }),
  verdict: z.string(),
  checks: z.array(checkSchema),
  workspace: z.object({
    baseCommit: gitId.nullable(),
    headCommit: gitId.nullable(),
    tree: treeSchema.nullable(),
    /** Why there is no tree. */
    treeMissing: z.string().nullable(),
  }),
  runtime: z.string(),
  models: z.array(z.string()),
  taskStartedAt: instant,
  verdictAt: instant,
  program: z.object({ name: z.string(), version: z.string() }),
  machine: z.string(),
})
export type ReceiptFacts = z.infer<typeof ownSchema>

const resource = z.object({ name: z.string(), digest: z.record(z.string(), z.string()) })

export const statementSchema = z.object({
  _type: z.literal(statementType),
  subject: z.array(resource).min(1),
  predicateType: z.literal(testResultType),
  predicate: z.object({
    result: z.enum(['PASSED', 'WARNED', 'FAILED']),
    configuration: z.array(resource),
    passedTests: z.array(z.string()),
    warnedTests: z.array(z.string()),
    failedTests: z.array(z.string()),
    openloom: ownSchema,
  }),
})
export type Statement = z.infer<typeof statementSchema>

export const rotationSchema = z.object({
  _type: z.literal(statementType),
  subject: z.array(resource).length(1),
  predicateType: z.literal(rotationType),
  predicate: z.object({ before: z.string(), after: z.string(), at: instant }),
})

/** Everything that a receipt says before its place in the chain is known. */
export type ReceiptDraft = Omit<ReceiptFacts, 'seq' | 'prev' | 'log'>

/**
 * Only `verified` is PASSED. A verdict that this table does not know is FAILED: nobody may take a new word for a proof.
 */
const resultOf = (verdict: string): Statement['predicate']['result'] =>
  verdict === ('verified' satisfies Verdict) ? 'PASSED' : verdict.startsWith('verified ') ? 'WARNED' : 'FAILED'

export function statementOf(facts: ReceiptFacts): Statement {
  const { task, checks, workspace } = facts
  const names = namesOf(checks)
  const tests = (passed: boolean) => names.filter((_, index) => (checks[index]?.outcome === 'pass') === passed)
  const taken = { name: `task ${task.id}`, digest: { sha256: task.specSha256 } }
  return {
    _type: statementType,
    subject: subjectsOf(workspace) ?? [taken],
    predicateType: testResultType,
    predicate: {
      result: resultOf(facts.verdict),
      configuration: [
        taken,
        ...checks.map(({ specSha256 }, index) => ({ name: names[index] ?? '', digest: { sha256: specSha256 } })),
      ],
      passedTests: tests(true),
      warnedTests: [],
      failedTests: tests(false),
      openloom: facts,
    },
  }
}

/** A commit is a subject only together with the tree: alone it would say that the tree is that commit's. */
function subjectsOf({ tree }: ReceiptFacts['workspace']): Statement['subject'] | null {
  return tree === null ? null : [{ name: 'workspace', digest: { gitTree: tree.gitTree } }]
}

/** Tests are known by name, so that two checks with one title need two names. */
function namesOf(checks: readonly ReceiptCheck[]): string[] {
  const seen = new Map<string, number>()
  return checks.map(({ title }) => {
    const times = (seen.get(title) ?? 0) + 1
    seen.set(title, times)
    return times === 1 ? title : `${title} (${times})`
  })
}
