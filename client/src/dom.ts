/** Small helpers for the DOM. Text is only ever set as text, never as HTML. */

type Child = Node | string | null | undefined | false
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: any) => void)>

/** `h('button.primary', { onclick }, 'Run')` */
export function h<K extends keyof HTMLElementTagNameMap>(
  selector: K | `${K}.${string}`,
  attributes?: Attributes | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = selector.split('.')
  const element = document.createElement(tag as K)
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value != null) element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child) || child === ''))
  return element
}

export function $<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element as T
}

/** An icon of the sprite in the page. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}

/** Sets the text when it differs, so that nothing is laid out again for no reason. */
export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value
}

/** Runs `work` once in the next frame, however often it is asked. */
export function eachFrame(work: () => void): () => void {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    // A hidden page has no frames, but its counters should still be right.
    const run = () => {
      asked = false
      work()
    }
    if (document.hidden) setTimeout(run, 200)
    else requestAnimationFrame(run)
  }
}

/**
 * As `eachFrame`, for work that lays out much: it takes a fifth of the time at most, so
 * that what arrives in between is taken in however slow the machine is.
 */
export function paced(work: () => void): () => void {
  let waiting = false
  let free = 0
  const run = (): void => {
    waiting = false
    const before = performance.now()
    work()
    // After the frame, when the browser has laid out and painted.
    setTimeout(() => (free = performance.now() + Math.min(400, 4 * (performance.now() - before))))
  }
  return () => {
    if (waiting) return
    waiting = true
    const frame = () => (document.hidden ? setTimeout(run, 200) : requestAnimationFrame(run))
    const delay = free - performance.now()
    if (delay > 0) setTimeout(frame, delay)
    else frame()
  }
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

export async function copy(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value)
    return true
  } catch {
    // Without a secure context there is no clipboard API.
    const area = h('textarea', { readonly: true })
    area.value = value
    area.className = 'offscreen'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}
