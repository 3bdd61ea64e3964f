/** The button that chooses light, dark, or what the system wishes. `theme.ts` applies it. */

import { $ } from './dom.ts'
import { remember, type Typed, typed } from './store.ts'
import { toast } from './toast.ts'

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const

function choose(theme: Typed['theme']): void {
  remember('theme', theme)
  document.documentElement.dataset.wanted = theme
  dispatchEvent(new Event('graphex-theme'))
  const label = `Theme: ${nameOf(theme)}`
  $('theme').title = label
  $('theme').setAttribute('aria-label', label)
}

function nameOf(theme: Typed['theme']): string {
  return theme === 'auto' ? 'as the system' : theme
}

export function themeChoice(): void {
  choose(typed.theme)
  $('theme').addEventListener('click', () => {
    const next = NEXT[typed.theme]
    choose(next)
    toast(`Theme: ${nameOf(next)}.`)
  })
}
