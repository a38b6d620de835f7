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

/** As JSON, the way it goes over the wire. */
export function messageTokens(message: ModelMessage): number {
  if (!('images' in message) || !message.images) return textTokens(JSON.stringify(message))
  const { images, ...plain } = message
  return textTokens(JSON.stringify(plain)) + images.length * imageTokens
}

export const toolTokens = (tools: readonly ToolSchema[]): number =>
  tools.length === 0 ? 0 : textTokens(JSON.stringify(tools))
