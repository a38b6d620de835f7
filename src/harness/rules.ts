/** Which permissions are answered without a person: pure. In doubt a person is asked; a question always is. */
import { type AskRequest, patternCharsMax } from '../core/ask.ts'
import { fits } from '../lib/wildcard.ts'

/** What makes more of a shell line than the one command that a wildcard was written for. */
const shellMeta = /[;&|`<>\r\n\0]|\$\(/

/** A stored "always" covers a permission when each of its patterns was allowed, letter by letter. */
export function isGranted(request: AskRequest, granted: ReadonlySet<string>): boolean {
  return everyPattern(request, (pattern) => granted.has(pattern))
}

/** `auto_accept` of a task: everything, or what globs over `permission pattern` cover. */
export function isAutoAccepted(request: AskRequest, autoAccept: boolean | readonly string[] | undefined): boolean {
  if (request.kind !== 'permission' || request.personOnly || !autoAccept) return false
  if (autoAccept === true) return true
  const { permission, detail } = request
  const joined = permission === 'bash' && shellMeta.test(detail)
  return everyPattern(request, (pattern) => {
    const subject = `${permission} ${pattern}`
    if (autoAccept.includes(subject)) return true
    if (permission === 'bash' && (joined || shellMeta.test(pattern))) return false
    return autoAccept.some((glob) => fits(glob, subject))
  })
}

function everyPattern(request: AskRequest, covers: (pattern: string) => boolean): boolean {
  if (request.kind !== 'permission' || request.personOnly || request.patterns.length === 0) return false
  return request.patterns.every((pattern) => pattern.length <= patternCharsMax && covers(pattern))
}
