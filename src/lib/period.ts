/** Instants in words, as people ask for figures: `today`, `week`, `24h`, `2026-11-01`. In the zone of this machine. */

const unitsMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

export const instantWords = 'today, yesterday, week, month, 24h, 7d, a date (2026-11-01) or epoch milliseconds'

/** Epoch ms at which that began; null for what is no instant. */
export function instantOf(word: string, nowMs: number): number | null {
  const text = word.trim()
  const now = new Date(nowMs)
  const midnight = (day: number, month = now.getMonth()) => new Date(now.getFullYear(), month, day).getTime()
  switch (text.toLowerCase()) {
    case 'today':
      return midnight(now.getDate())
    case 'yesterday':
      return midnight(now.getDate() - 1)
    case 'week':
      // Weeks begin on Monday.
      return midnight(now.getDate() - ((now.getDay() + 6) % 7))
    case 'month':
      return midnight(1)
  }
  const ago = /^(\d{1,5})([mhdw])$/i.exec(text)
  if (ago) return nowMs - Number(ago[1]) * (unitsMs[(ago[2] ?? '').toLowerCase()] ?? 0)
  if (/^\d{11,14}$/.test(text)) return Number(text)
  const date = /^(\d{4})-(\d{2})-(\d{2})(T[\d:.]{4,12}(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text)
  // A bare date is midnight here, not in Greenwich.
  const at = date ? Date.parse(date[4] ? text : `${text}T00:00:00`) : Number.NaN
  return Number.isNaN(at) ? null : at
}
