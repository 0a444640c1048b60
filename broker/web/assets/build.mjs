// Builds what pages load into ../static/built: styles of GOV.UK Frontend without its font and logo, its scripts, htmx and
// the editor. Nothing is fetched here: `npm ci` has brought what the lock names.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { compile } from 'sass'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const out = here('../static/built/')

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const { css } = compile(here('src/broker.scss'), {
  loadPaths: [here('node_modules')],
  quietDeps: true,
  style: 'compressed',
})
writeFileSync(out + 'broker.css', css)
await build({
  entryPoints: ['enabled', 'broker', 'editor', 'review'].map((name) => here(`src/${name}.js`)),
  outdir: out,
  bundle: true,
  format: 'iife',
  target: 'es2020',
  minify: true,
  legalComments: 'linked',
})
cpSync(here('node_modules/htmx.org/dist/htmx.min.js'), out + 'htmx.js')
