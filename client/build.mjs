// Builds the page into one file, and with `--check` says whether the committed one is its.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { deflateRawSync, constants, inflateRawSync } from 'node:zlib'
import { build } from 'esbuild'

const here = new URL('./', import.meta.url)
const out = new URL('../graphex-runtime/src/transport/client/', here)
const read = (path) => readFileSync(new URL(path, here), 'utf8')

// CodeMirror writes its styles into a `<style>` element, which a strict policy forbids without
// a nonce. Constructed style sheets are free of that; style-mod has them, for shadow roots.
const adoptedStyles = {
  name: 'adopted-styles',
  setup(build) {
    build.onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      const before = 'if (!root.head && root.adoptedStyleSheets'
      if (!source.includes(before)) throw new Error('style-mod has changed: see to the style sheets')
      return { contents: source.replace(before, 'if (root.adoptedStyleSheets') }
    })
  },
}

async function bundle(entry, format) {
  const result = await build({
    absWorkingDir: new URL('.', here).pathname,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format,
    target: ['chrome111', 'firefox113', 'safari16.4'],
    legalComments: 'none',
    charset: 'utf8',
    write: false,
    metafile: true,
    plugins: [adoptedStyles],
    define: { 'process.env.NODE_ENV': '"production"', 'globalThis.process': 'undefined' },
    supported: { 'top-level-await': true },
  })
  return { text: result.outputFiles[0].text.trimEnd(), inputs: Object.keys(result.metafile.inputs) }
}

/** The licences of all packages that are in the bundle. */
function licences(inputs) {
  const names = inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.slice(1) ?? [])
  return [...new Set(names)].sort().map((name) => {
    const { version, license } = JSON.parse(read(`node_modules/${name}/package.json`))
    const file = readdirSync(new URL(`node_modules/${name}/`, here)).find((file) => /^licen[cs]e/i.test(file))
    if (!file) throw new Error(`${name} comes without its licence`)
    return { title: `${name} ${version} (${license})`, text: read(`node_modules/${name}/${file}`).trim().replaceAll('\r\n', '\n') }
  })
}

function licenceText(packages) {
  const byText = new Map()
  for (const { title, text } of packages) byText.set(text, [...(byText.get(text) ?? []), title])
  const parts = [...byText].map(([text, titles]) => `${titles.join('\n')}\n\n${text}`)
  return `This page contains the packages below.\n\n${parts.join(`\n\n${'-'.repeat(72)}\n\n`)}\n`
}

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const safe = (script) => script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')

async function page() {
  const first = await bundle('src/head.ts', 'iife')
  const main = await bundle('src/main.ts', 'esm')
  const style = (await build({ stdin: { contents: read('src/style.css'), loader: 'css' }, minify: true, write: false, target: ['chrome111', 'firefox113', 'safari16.4'] })).outputFiles[0].text.trimEnd()
  const scripts = [safe(first.text), safe(main.text)]
  const text = licenceText(licences([...first.inputs, ...main.inputs]))
  const comment = `<!--\n${text.replaceAll('--', '==')}-->`
  const html = read('src/index.html')
    .replace('<!--style-->', () => `<style>${style}</style>\n<script>${scripts[0]}</script>`)
    .replace('<!--script-->', () => `<script type="module">${scripts[1]}</script>\n${comment}`)
  const [head, tail, rest] = html.split('<!--graphex-->')
  if (tail === undefined || rest !== undefined) throw new Error('the page needs one place for the title and the settings')
  const policy = `script-src ${scripts.map(hash).join(' ')}; style-src ${hash(style)}`
  return { 'head.html': head, 'tail.html': tail, 'policy.txt': policy }
}

const files = await page()
const tail = Buffer.from(files['tail.html'])
if (process.argv.includes('--check')) {
  for (const [name, text] of Object.entries(files)) {
    if (readFileSync(new URL(name, out), 'utf8') !== text) {
      console.error(`${name} is not what its source builds: run \`npm run build\` in client/ and commit`)
      process.exit(1)
    }
  }
  // Compressors differ from version to version, so what counts is what comes out.
  if (!inflateRawSync(readFileSync(new URL('tail.deflate', out))).equals(tail)) {
    console.error('tail.deflate is not tail.html: run `npm run build` in client/ and commit')
    process.exit(1)
  }
  console.log('the committed page is what its source builds')
} else {
  for (const [name, text] of Object.entries(files)) writeFileSync(new URL(name, out), text)
  const packed = deflateRawSync(tail, { level: 9, memLevel: 9, strategy: constants.Z_DEFAULT_STRATEGY })
  writeFileSync(new URL('tail.deflate', out), packed)
  console.log(`${Math.round(tail.length / 1024)} KiB, ${Math.round(packed.length / 1024)} KiB compressed`)
}
