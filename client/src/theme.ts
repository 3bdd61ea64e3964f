/** Light or dark, before anything is painted: this runs in the page's head. */

const dark = matchMedia('(prefers-color-scheme: dark)')

function apply(): void {
  let theme = 'auto'
  try {
    theme = JSON.parse(localStorage.getItem(`graphex-client:${location.pathname}`) ?? '{}').theme ?? 'auto'
  } catch {
    // Without a store the system's wish counts.
  }
  const wanted = document.documentElement.dataset.wanted ?? theme
  document.documentElement.dataset.theme = wanted === 'auto' ? (dark.matches ? 'dark' : 'light') : wanted
}

apply()
dark.addEventListener('change', apply)
addEventListener('graphex-theme', apply)
