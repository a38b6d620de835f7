/** How much fits into a request to a model, and from where on room is made in it. It measures nothing. */
import type { ModelSource } from './providers/source.ts'

export interface RoomSettings {
  /** Tokens that fit into a request where nobody says. */
  contextTokens: number
  /** Part of them at which room is made. */
  compactAt: number
}

export const roomDefaults: RoomSettings = { contextTokens: 65_536, compactAt: 0.8 }

export const windowOf = (source: ModelSource, model: string, { contextTokens }: RoomSettings): number =>
  source.contextTokens(model) ?? contextTokens
