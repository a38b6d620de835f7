/** The colours as arithmetic: WCAG contrast of each pair that the page uses, in both themes. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync(new URL('../../frontend/src/style/tokens.css', import.meta.url), 'utf8')
const pairs = [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)]
const colours = {
  light: Object.fromEntries(pairs.map(([, name, light]) => [name, light])),
  dark: Object.fromEntries(pairs.map(([, name, , dark]) => [name, dark])),
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0)
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05)
}

const grounds = ['ground', 'raised', 'sunken', 'hover']
const tones = ['ok', 'attention', 'danger', 'running', 'unknown']
const wanted: { text: string; on: string; least: number }[] = [
  ...grounds.map((on) => ({ text: 'text', on, least: 7 })),
  ...grounds.map((on) => ({ text: 'text-quiet', on, least: 4.5 })),
  ...[...tones, 'idle', 'accent'].flatMap((text) =>
    ['ground', 'raised', 'hover'].map((on) => ({ text, on, least: 4.5 })),
  ),
  ...tones.flatMap((tone) => [
    { text: tone, on: `${tone}-ground`, least: 4.5 },
    { text: 'text', on: `${tone}-ground`, least: 7 },
    { text: 'text-quiet', on: `${tone}-ground`, least: 4.5 },
  ]),
  ...['code-word', 'code-string', 'code-number', 'text-quiet'].flatMap((text) =>
    ['sunken', 'raised', 'ok-ground', 'danger-ground'].map((on) => ({ text, on, least: 4.5 })),
  ),
  { text: 'on-accent', on: 'accent', least: 4.5 },
  { text: 'idle', on: 'sunken', least: 4.5 },
  ...['line-strong', 'weave-model', 'weave-tool'].map((text) => ({ text, on: 'raised', least: 3 })),
]

describe.each(['light', 'dark'] as const)('the %s theme', (theme) => {
  it.each(wanted)('reads $text on $on at $least or better', ({ text, on, least }) => {
    const [a, b] = [colours[theme][text], colours[theme][on]]
    expect(a && b && contrast(a, b)).toBeGreaterThanOrEqual(least)
  })
})

it('computes what the standard says for black on white', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5)
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2)
})
