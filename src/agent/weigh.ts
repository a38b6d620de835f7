/** How many tokens a text takes, estimated. What a server counted is always better than this. */
import type { ModelMessage, ToolSchema } from '../core/provider.ts'

const asciiCharsAToken = 4
const otherCharsAToken = 1.5
const imageTokens = 1_500

export function textTokens(text: string): number {
  let other = 0
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) other += 1
  return Math.ceil((text.length - other) / asciiCharsAToken + other / otherCharsAToken)
}

/** How many characters a text may keep so that what `shorten` makes of it takes at most so many tokens. */
export function charsWithin(tokensMax: number, shorten: (charsMax: number) => string): number {
  let chars = Math.max(1, Math.floor(tokensMax * asciiCharsAToken))
  while (chars > 1 && textTokens(JSON.stringify(shorten(chars))) > tokensMax) chars = Math.floor(chars * 0.8)
  return chars
}

/** As JSON, the way it goes over the wire. */
export function messageTokens(message: ModelMessage): number {
  if (!('images' in message) || !message.images) return textTokens(JSON.stringify(message))
  const { images, ...plain } = message
  return textTokens(JSON.stringify(plain)) + images.length * imageTokens
}

export const toolTokens = (tools: readonly ToolSchema[]): number =>
  tools.length === 0 ? 0 : textTokens(JSON.stringify(tools))
