/** The places of the dashboard, in the order of the rail; only those that exist. */

const main = [
  { name: 'home', href: '/', label: 'Home', icon: 'home' },
  { name: 'needs', href: '/needs', label: 'Needs you', icon: 'needs' },
  { name: 'tasks', href: '/tasks', label: 'Tasks', icon: 'tasks' },
  { name: 'sessions', href: '/sessions', label: 'Sessions', icon: 'sessions' },
] as const

/** What is around the work. */
export const rest = [
  { name: 'skills', href: '/skills', label: 'Skills', icon: 'skills' },
  { name: 'memory', href: '/memory', label: 'Memory', icon: 'memory' },
  { name: 'usage', href: '/usage', label: 'Usage', icon: 'usage' },
  { name: 'notifications', href: '/notifications', label: 'Notifications', icon: 'bell' },
  { name: 'inbox', href: '/inbox', label: 'Inbox', icon: 'inbox' },
  { name: 'log', href: '/log', label: 'Log', icon: 'log' },
  { name: 'settings', href: '/settings', label: 'Settings', icon: 'settings' },
] as const

export const places = [...main, ...rest]

/** On a phone so many stand in the bar; the others behind "More". */
export const barPlaces = 4
