/** Which names in an inbox folder may be tasks at all. Pure. */

const ours = /^(processed|rejected)-|\.problems\.md$/i
const temporary = /^\.|^~\$|~$|^#.*#$|^4913$|\.(tmp|part|partial|crdownload|download|swp|swx|icloud)(\.md)?$/i
/** Copies that sync clients make when two sides changed: nobody meant them as work. */
const conflict = /\.sync-conflict-|\(.*conflict.*\)|conflicted copy/i

export type Candidate = 'task' | 'conflict' | 'ignored'

export function candidateOf(name: string): Candidate {
  if (!/\.md$/i.test(name) || ours.test(name) || temporary.test(name) || /^readme\.md$/i.test(name)) return 'ignored'
  return conflict.test(name) ? 'conflict' : 'task'
}

const nameBytesMax = 255

/**
 * `<prefix><name>`, cut in the middle of the name where the file system would refuse it; control characters replaced.
 */
export function archiveName(prefix: string, name: string, suffix = ''): string {
  const clean = Array.from(name, (c) => (c < ' ' || c === '\u007f' ? '_' : c)).join('')
  const stem = clean.replace(/\.md$/i, '')
  let kept = stem
  while (Buffer.byteLength(`${prefix}${kept}.md${suffix}`) > nameBytesMax) kept = Array.from(kept).slice(0, -1).join('')
  return `${prefix}${kept}.md${suffix}`
}
