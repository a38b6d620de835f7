/** JUnit XML, which a dozen tools write in a dozen ways: only its test cases are counted, never its own sums. */
import { joined, type Mark, type Tally } from './tally.ts'
import { readElement, type Tag } from './xml.ts'

const root = /<(?:testsuites|testsuite)[\s/>]/

export const isJunit = (text: string): boolean => root.test(text)

const unrun = ['notrun', 'disabled', 'skipped', 'suppressed']

/** False: the report is cut off or no XML. */
export function readJunit(text: string, tally: Tally): boolean {
  const from = text.search(root)
  if (from < 0) return false
  const suites: string[] = []
  let test: { name: string; mark: Mark } | null = null
  const finish = () => {
    if (test) tally.add(test.mark, test.name)
    test = null
  }
  const begin = ({ name, attributes, kind }: Tag) => {
    if (name === 'testsuite' && kind === 'open') suites.push(attributes.get('name') ?? '')
    else if (name === 'testcase') test = caseOf(attributes, suites)
    else if (name === 'failure' || name === 'error') {
      if (test) test.mark = 'failed'
      else tally.add('failed', joined(suites))
    } else if (name === 'skipped' && test && test.mark !== 'failed') test.mark = 'skipped'
  }
  return readElement(text, from, (tag) => {
    if (tag.kind !== 'close') begin(tag)
    if (tag.kind === 'open') return
    if (tag.name === 'testcase') finish()
    else if (tag.name === 'testsuite' && tag.kind === 'close') suites.pop()
  })
}

function caseOf(attributes: Tag['attributes'], suites: readonly string[]): { name: string; mark: Mark } {
  const said = attributes.get('status') ?? attributes.get('result') ?? ''
  const name = joined([...suites, attributes.get('classname') ?? '', attributes.get('name') ?? ''])
  return { name, mark: unrun.includes(said) ? 'skipped' : 'passed' }
}
