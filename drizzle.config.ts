/** For `npx drizzle-kit generate`: a change of src/store/schema.ts becomes one more migration beside the old ones. */
import { defineConfig } from 'drizzle-kit'

export default defineConfig({ dialect: 'sqlite', schema: './src/store/schema.ts', out: './src/store/migrations' })
