/** Tab lists as the ARIA practices describe them. */

export function tabs(list: HTMLElement, onShow?: (id: string) => void): { show(id: string): void } {
  const all = [...list.querySelectorAll<HTMLButtonElement>('[role="tab"]')]
  const show = (id: string, focus = false): void => {
    for (const tab of all) {
      const chosen = tab.id === id
      tab.setAttribute('aria-selected', String(chosen))
      tab.tabIndex = chosen ? 0 : -1
      const pane = document.getElementById(tab.getAttribute('aria-controls') ?? '')
      if (pane) pane.hidden = !chosen
      if (chosen && focus) tab.focus()
    }
    onShow?.(id)
  }
  list.addEventListener('click', (event) => {
    const tab = (event.target as HTMLElement).closest('[role="tab"]')
    if (tab) show(tab.id)
  })
  list.addEventListener('keydown', (event) => {
    const at = all.findIndex((tab) => tab === document.activeElement)
    const to: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }
    const next = to[event.key]
    if (at < 0 || next === undefined) return
    event.preventDefault()
    show(all[(next + all.length) % all.length]!.id, true)
  })
  return { show: (id) => show(id) }
}
