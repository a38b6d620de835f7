/** Starts the page: the frame, the clock, and the one stream. Knows no view. */
import { mount } from 'svelte'
import App from './App.svelte'
import { asks } from './state/asks.svelte.ts'
import { clock } from './state/clock.svelte.ts'
import { live } from './state/live.svelte.ts'
import { offline } from './state/offline.svelte.ts'
import { readFirst } from './state/opening.ts'
import { router } from './state/router.svelte.ts'
import { streams } from './state/streams.svelte.ts'
import { tasks } from './state/tasks.svelte.ts'
import { theme } from './state/theme.svelte.ts'
import './style/tokens.css'
import './style/base.css'

theme.start()
clock.start()
router.start()
offline.start()
live.listen((frames) => {
  streams.apply(frames)
  tasks.apply(frames)
  asks.apply(frames)
})

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')
target.replaceChildren()
mount(App, { target })
live.start(router.route.name !== 'login', readFirst)
