/** Pictures that a model is to see: known by their first bytes, kept aside as they were when they were read. */
import { join } from 'node:path'
import type { ToolContext, ToolResult } from '../../core/tool.ts'
import { sha256 } from '../../lib/digest.ts'
import { writeAtomic } from '../../lib/files.ts'
import { failure, type Place } from './text-file.ts'

/** Base64 makes a third more of it, and servers take 5 MB. */
const pictureBytesMax = 3_750_000

const starts: readonly { mediaType: string; ending: string; first: RegExp }[] = [
  { mediaType: 'image/png', ending: 'png', first: /^\x89PNG\r\n/ },
  { mediaType: 'image/jpeg', ending: 'jpg', first: /^\xff\xd8\xff/ },
  { mediaType: 'image/gif', ending: 'gif', first: /^GIF8[79]a/ },
  { mediaType: 'image/webp', ending: 'webp', first: /^RIFF[\s\S]{4}WEBP/ },
]

/** Null: it is no picture. What is shown is the copy: the file itself may change before the model is asked again. */
export async function showPicture(context: ToolContext, place: Place, bytes: Buffer): Promise<ToolResult | null> {
  const head = bytes.subarray(0, 16).toString('latin1')
  const kind = starts.find(({ first }) => first.test(head))
  if (!kind) return null
  const what = `${place.shown} is a picture (${kind.mediaType}, ${bytes.length} bytes)`
  if (!context.seesImages) return failure(`${what}; this model sees no pictures.`)
  if (bytes.length > pictureBytesMax) return failure(`${what}; up to ${pictureBytesMax} bytes can be shown.`)
  const digest = sha256(bytes)
  const file = join(context.outputDir, `${digest}.${kind.ending}`)
  await writeAtomic(file, bytes, { mode: 0o600 })
  const picture = { file, mediaType: kind.mediaType }
  return { ok: true, output: `${what}. It is shown with this result.`, facts: { path: place.real, picture } }
}
