/** What somebody may have meant by a word that is misspelt. It knows no list of words. */

/** The nearest candidate within an edit distance (by default 2, 3 for long words), or null. */
export function nearest(word: string, candidates: readonly string[], max = word.length > 8 ? 3 : 2): string | null {
  const ranked = candidates.map((c) => ({ c, d: distance(word, c) })).sort((a, b) => a.d - b.d)
  const best = ranked[0]
  return best && best.d <= max ? best.c : null
}

/** Those that are nearest to a word that is none of them: what begins or ends so first, then by letters. */
export function nearestOf(word: string, candidates: readonly string[], max: number): string[] {
  const low = word.toLowerCase()
  const last = low.split('/').at(-1) ?? low
  const apart = (one: string) => {
    const name = one.toLowerCase()
    return name.includes(last) ? -1 : Math.min(distance(low, name), distance(last, name.split('/').at(-1) ?? name))
  }
  const ranked = [...new Set(candidates)].map((one) => ({ one, d: apart(one) })).sort((a, b) => a.d - b.d)
  return ranked.slice(0, max).map(({ one }) => one)
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
