/**
 * Whether a goal asks for files to be changed, by its first words. A question or an unknown wording is no: to refute an
 * honest answer because it changed nothing would be worse than to prove less.
 */

const openings = [
  ...['please', 'kindly', 'now', 'then', 'also', 'just', 'bitte', '(?:can|could|would|will) you'],
  ...['(?:you|we) (?:should|need to)', 'i want you to', "i'd like you to", "let's", 'let us'],
]
const polite = new RegExp(`^(?:${openings.join('|')})\\b[\\s,:]*`, 'i')

const changing = new Set(
  [
    'add adjust allow append apply bump clean convert copy correct create cut delete disable document drop',
    'enable ensure extend extract fix format handle implement improve include insert install integrate',
    'introduce make merge migrate modify move optimise optimize polish port prevent refactor reformat remove',
    'rename reorganise reorganize repair replace restore restructure rewrite set simplify speed split stop',
    'support switch translate tidy turn undo uninstall unify update upgrade use wire wrap write',
  ].flatMap((words) => words.split(' ')),
)

export function asksForChange(goal: string): boolean {
  let text = goal.trim().replace(/^[#>*\-\s]+/, '')
  for (let shorter = text.replace(polite, ''); shorter !== text; shorter = text.replace(polite, '')) text = shorter
  const first = /^[\p{L}'-]+/u.exec(text)?.[0].toLowerCase() ?? ''
  return changing.has(first)
}
