/** Puts the pictures that tools kept aside into the messages that speak of them. It shows the newest only. */
import { z } from 'zod'
import type { ModelImage, ModelMessage } from '../core/provider.ts'
import { errnoOf, isInside, readBounded } from '../lib/files.ts'
import type { Run } from './run.ts'

/** More of them make a request that servers refuse. */
const shownMax = 10
const pictureBytesMax = 4_000_000

const pictureSchema = z.object({ file: z.string(), mediaType: z.string() })
type Picture = z.output<typeof pictureSchema>

export async function withPictures(run: Run, messages: ModelMessage[]): Promise<ModelMessage[]> {
  const known = picturesOf(run)
  if (known.size === 0) return messages
  const told = messages.flatMap((message) =>
    message.role === 'tool' && known.has(message.callId) ? [message.callId] : [],
  )
  const shown = new Set(run.source.images(run.model) ? told.slice(-shownMax) : [])
  return Promise.all(
    messages.map(async (message): Promise<ModelMessage> => {
      const picture = message.role === 'tool' ? known.get(message.callId) : undefined
      if (message.role !== 'tool' || !picture) return message
      const image = shown.has(message.callId) ? await imageOf(picture) : null
      return image ? { ...message, images: [image] } : { ...message, text: `${message.text} [not shown any more]` }
    }),
  )
}

function picturesOf({ transcript, outputDir }: Run): Map<string, Picture> {
  const found = new Map<string, Picture>()
  for (const entry of transcript.entries) {
    if (entry.type !== 'tool.ended' || !entry.facts.picture) continue
    const picture = pictureSchema.safeParse(entry.facts.picture)
    if (picture.success && isInside(outputDir, picture.data.file)) found.set(entry.callId, picture.data)
  }
  return found
}

/** Null: it was cleaned away. */
async function imageOf({ file, mediaType }: Picture): Promise<ModelImage | null> {
  try {
    const { bytes, whole } = await readBounded(file, pictureBytesMax)
    return whole ? { mediaType, base64: bytes.toString('base64') } : null
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}
