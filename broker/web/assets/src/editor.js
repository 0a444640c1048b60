// The editor of a job's text. It enhances the form's textarea and writes everything back to it: without this file the
// form works alike. Completion offers what the project was granted and nothing else; marks come from the server's check.
import { autocompletion, completeFromList } from '@codemirror/autocomplete'
import { MSSQL, PostgreSQL, SQLDialect, keywordCompletionSource, schemaCompletionSource, sql } from '@codemirror/lang-sql'
import { python } from '@codemirror/lang-python'
import { lintGutter, setDiagnostics } from '@codemirror/lint'
import { Compartment, EditorState } from '@codemirror/state'
import { EditorView, basicSetup } from 'codemirror'

const DuckDB = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: `${PostgreSQL.spec.keywords} qualify pivot unpivot exclude asof positional summarize`,
})

// The editor's own marks are data: images, which no page may load.
const MARKS = {
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy #ca3535' },
  '.cm-lint-marker-error': { content: 'normal', backgroundColor: '#ca3535', borderRadius: '50%' },
}

const box = document.querySelector('.app-editor')
const area = document.getElementById('text')
if (box && area) start()

function start() {
  const form = area.form
  const language = new Compartment()
  let names = { dialect: '', tables: [] }

  const view = new EditorView({
    parent: area.parentElement,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(box.dataset.nonce),
        basicSetup,
        EditorView.lineWrapping,
        lintGutter(),
        EditorView.theme(MARKS),
        EditorView.domEventHandlers({ beforeinput: replaced }),
        EditorView.contentAttributes.of(described()),
        language.of(languageOf(form, names)),
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
      ],
    }),
  })
  area.hidden = true
  area.labels[0].addEventListener('click', () => view.focus())

  function changed(text) {
    area.value = text
    area.dispatchEvent(new Event('input', { bubbles: true }))
  }

  async function granted() {
    const project = form.elements.project.value
    const answer = await fetch(box.dataset.names.replace('PROJECT', encodeURIComponent(project)))
    names = answer.ok ? await answer.json() : { dialect: '', tables: [] }
    speak()
  }

  function speak() {
    form.querySelector('.app-dialect').hidden = form.elements.kind.value === 'python'
    view.dispatch({ effects: language.reconfigure(languageOf(form, names)) })
  }
  form.elements.project.addEventListener('change', granted)
  for (const field of form.querySelectorAll('[name=kind], [name=dialect]')) field.addEventListener('change', speak)
  granted()

  const mark = () => view.dispatch(setDiagnostics(view.state, diagnostics(view.state.doc)))
  document.body.addEventListener('htmx:afterSwap', (event) => event.target.id === 'check' && mark())
  mark()

  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#line-"], a[href="#text"]')
    if (!link) return
    event.preventDefault()
    const line = Math.min(Number(link.hash.slice(6)) || 1, view.state.doc.lines)
    view.dispatch({ selection: { anchor: view.state.doc.line(line).from }, scrollIntoView: true })
    view.focus()
  })
}

// Typing over a selection: where the browser did it, it would keep the colours by inline styles, which no page may have.
// Brackets and quotes go round a selection, which is the editor's own doing.
function replaced(event, view) {
  if (event.inputType !== 'insertText' || !event.data || view.state.selection.main.empty || '([{\'"'.includes(event.data)) return false
  event.preventDefault()
  view.dispatch(view.state.update(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true }))
  return true
}

function described() {
  const said = { 'aria-labelledby': 'text-label', spellcheck: 'false' }
  const described = area.getAttribute('aria-describedby')
  return described ? { ...said, 'aria-describedby': described } : said
}

function languageOf(form, names) {
  if (form.elements.kind.value === 'python') return [python(), autocompletion({ override: [words(names)] })]
  const dialect = (form.elements.dialect.value || names.dialect) === 'duckdb' ? DuckDB : MSSQL
  const source = schemaCompletionSource({ dialect, schema: schemaOf(names) })
  return [sql({ dialect }), autocompletion({ override: [source, keywordCompletionSource(dialect, true)] })]
}

const option = (v) => ({ label: v.name, type: 'property', detail: v.key ? 'to join and count' : '', info: v.about || undefined })

function schemaOf(names) {
  const schema = {}
  for (const table of names.tables) {
    const [first, second] = table.name.split('.')
    schema[first] ??= {}
    schema[first][second] = {
      self: { label: second, type: 'type', info: table.about || undefined },
      children: table.variables.map(option),
    }
  }
  return schema
}

// Python names tables and variables inside strings and header lines.
function words(names) {
  const tables = names.tables.map((t) => ({ label: t.name, type: 'type', info: t.about || undefined }))
  const seen = new Map(names.tables.flatMap((t) => t.variables.map((v) => [v.name, option(v)])))
  const complete = completeFromList([...tables, ...seen.values()])
  return (context) => (context.explicit || context.matchBefore(/[\w.]{2,}$/) ? complete(context) : null)
}

// Each refusal that the check's part of the page tells, at its place: the word that begins there.
function diagnostics(doc) {
  return [...document.querySelectorAll('#check [data-line]')].filter((r) => r.dataset.line).map((r) => {
    const line = doc.line(Math.min(Number(r.dataset.line), doc.lines))
    const from = Math.min(line.from + Math.max(Number(r.dataset.column || 1) - 1, 0), line.to)
    const word = /^[\w.]+|^./.exec(doc.sliceString(from, line.to))
    const message = [r.dataset.message, r.dataset.advice].filter(Boolean).join(' ')
    return { from, to: from + (word ? word[0].length : 0), severity: 'error', message }
  })
}
