import { $, text } from './dom.ts'

/** Puts a sentence in its place next to a button; an empty one hides the place. */
export function say(place: string, sentence: string, bad = true): void {
  const element = $(place)
  element.hidden = sentence === ''
  element.classList.toggle('bad', bad)
  text(element, sentence)
}
