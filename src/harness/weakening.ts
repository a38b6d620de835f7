/**
 * Why fewer tests stand behind a command than before the work, as sentences with names. Pure: two counts in, words out.
 * It knows nothing of what a test holds.
 */
import type { Census } from '../core/check.ts'

const namesMax = 20

/** `before`: of the same check before the work; null: it gave none, or nobody looked. Empty: not weaker. */
export function weakenings(before: Census | null, now: Census | null): string[] {
  if (!now) return before ? [gone(before)] : []
  if (now.format === 'sarif') return before?.format === 'sarif' ? newFindings(before, now) : []
  if (executed(now) === 0) return [`Nothing was executed: the report counts 0 tests that ran${skippedToo(now)}.`]
  if (!before || before.format === 'sarif') return []
  const found = before.format === now.format ? byName(before, now) : []
  const fewer = executed(before) - executed(now)
  if (found.length === 0 && fewer > 0)
    found.push(`${executed(now)} tests ran; before the work ${executed(before)} did.`)
  const silent = now.skipped - before.skipped
  if (found.length === 0 && silent > 0)
    found.push(`${now.skipped} tests were skipped; before the work ${before.skipped}.`)
  return found
}

const executed = ({ passed, failed }: Census): number => passed + failed

const skippedToo = ({ skipped }: Census): string => (skipped > 0 ? ` and ${skipped} that were skipped` : '')

const gone = (before: Census): string =>
  before.format === 'sarif'
    ? 'The report of findings that it gave before the work is gone.'
    : `The report of tests is gone: before the work it told of ${executed(before)} that ran.`

function byName(before: Census, now: Census): string[] {
  const [then, ran, skipped] = [ranIn(before), ranIn(now), new Set(now.names.skipped)]
  const known = horizonOf(before, now)
  const lost = [...then].filter((name) => known(name) && !ran.has(name) && !skipped.has(name)).sort()
  const fresh = [...ran].filter((name) => !then.has(name))
  const vanished = executed(now) >= executed(before) ? withoutRenamed(lost, fresh) : lost
  const silenced = [...then].filter((name) => skipped.has(name) && !ran.has(name)).sort()
  const wereSkipped = new Set(before.names.skipped)
  const born = now.names.skipped.filter((name) => known(name) && !then.has(name) && !wereSkipped.has(name))
  return [
    told(vanished, (count) => `${count} that ran before the work ${are(count)} gone`),
    told(silenced, (count) => `${count} that ran before the work ${are(count)} skipped now`),
    told(born, (count) => `${count} ${are(count)} new and skipped`),
  ].filter((sentence) => sentence !== '')
}

const ranIn = ({ names }: Census): Set<string> => new Set([...names.passed, ...names.failed])

/** Lists that were cut say nothing about the names behind their end. */
function horizonOf(...parts: readonly Census[]): (name: string) => boolean {
  const cut = parts.filter(({ whole }) => !whole)
  const ends = cut.flatMap((part) =>
    (['passed', 'failed', 'skipped'] as const)
      .filter((mark) => part.names[mark].length < part[mark])
      .map((mark) => part.names[mark].at(-1) ?? ''),
  )
  return (name) => ends.every((end) => name <= end)
}

/** Another name in the same file or suite, or the same name in another one, is the same test: one for one. */
function withoutRenamed(lost: readonly string[], fresh: readonly string[]): string[] {
  const left = new Set(fresh)
  const unpaired = (names: readonly string[], partOf: (name: string) => string): string[] => {
    const byPart = new Map<string, string[]>()
    for (const name of left) {
      const twins = byPart.get(partOf(name))
      if (twins) twins.push(name)
      else byPart.set(partOf(name), [name])
    }
    return names.filter((name) => {
      const twin = byPart.get(partOf(name))?.pop()
      return twin === undefined || !left.delete(twin)
    })
  }
  return unpaired(unpaired(lost, leafOf), groupOf)
}

/** Where the last part of a name begins, in the ways of all readers. */
function cutOf(name: string): number {
  const joint = [' > ', '::'].find((one) => name.includes(one)) ?? ''
  return joint === '' ? 0 : name.lastIndexOf(joint) + joint.length
}
const groupOf = (name: string): string => name.slice(0, cutOf(name))
const leafOf = (name: string): string => name.slice(cutOf(name))

function newFindings(before: Census, now: Census): string[] {
  const known = new Set(before.names.failed)
  const within = horizonOf(before)
  const found = now.names.failed.filter((name) => within(name) && !known.has(name))
  if (found.length > 0) return [`${found.length} new ${found.length === 1 ? 'finding' : 'findings'}: ${listed(found)}.`]
  return now.failed > before.failed ? [`${now.failed} findings; before the work there were ${before.failed}.`] : []
}

const are = (count: string): string => (count === '1 test' ? 'is' : 'are')

function told(names: readonly string[], words: (count: string) => string): string {
  if (names.length === 0) return ''
  return `${words(names.length === 1 ? '1 test' : `${names.length} tests`)}: ${listed(names)}.`
}

function listed(names: readonly string[]): string {
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : ''
  return `${names.slice(0, namesMax).join(', ')}${more}`
}
