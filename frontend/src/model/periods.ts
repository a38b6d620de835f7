/** By what and over what time usage is asked for: the words of its address, apart from its figures. */
export const periods = ['today', 'week', 'month', '30d', 'total'] as const
export type Period = (typeof periods)[number]

export const groups = ['model', 'workspace', 'task', 'session', 'day'] as const
export type Group = (typeof groups)[number]
