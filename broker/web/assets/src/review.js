// A checker's page of an output: rows filtered as one types, evidence of the cell that has the focus, and single keys
// for whoever switches them on. Without it the same is done by forms and links.
const table = document.getElementById('evidence-table')
const filter = document.querySelector('.app-filter[data-rows]')

function number(n) {
  return n.toLocaleString('en-GB')
}

// Filter: only where the whole table is on the page; else the form asks the broker.
if (table && filter && table.tBodies[0].rows.length === Number(filter.dataset.rows)) {
  const rows = [...table.tBodies[0].rows].map((row) => [row, row.cells[0].textContent.toLowerCase(), row.className === 'f'])
  const words = filter.elements.q
  const flagged = filter.elements.flagged
  const found = document.getElementById('rows-found')
  const show = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean)
    let count = 0
    for (const [row, text, flag] of rows) {
      const shown = (!flagged.checked || flag) && asked.every((word) => text.includes(word))
      row.hidden = !shown
      count += shown
    }
    found.textContent = `${number(count)} ${count === 1 ? 'row' : 'rows'}`
  }
  filter.querySelector('button').hidden = true
  filter.addEventListener('submit', (event) => event.preventDefault())
  words.addEventListener('input', show)
  flagged.addEventListener('change', show)
  show()
}

// Evidence on focus: one cell of the table is in the order of tabs, arrows go to its neighbours.
const panel = document.getElementById('row-evidence')
const known = new Map()
let current = null
let timer = 0

async function evidence(number) {
  if (!known.has(number)) {
    const answer = await fetch(table.dataset.row + number, { headers: { 'HX-Request': 'true' } })
    if (!answer.ok || answer.redirected) throw new Error('no evidence')
    known.set(number, await answer.text())
  }
  return known.get(number)
}

async function tell(cell) {
  const link = cell.parentElement.querySelector('a')
  const number = new URL(link.href).searchParams.get('row')
  try {
    const html = await evidence(number)
    if (cell !== current) return
    panel.innerHTML = html
  } catch {
    panel.textContent = 'The evidence cannot be shown: load the page again.'
    return
  }
  const column = cell.cellIndex - 2
  for (const figure of panel.querySelectorAll('[data-column]')) {
    if (Number(figure.dataset.column) !== column) continue
    figure.classList.add('app-behind--here')
    panel.scrollTop = figure.offsetTop - panel.offsetTop
  }
}

function enter(cell) {
  if (current) current.tabIndex = -1
  current = cell
  cell.tabIndex = 0
  clearTimeout(timer)
  timer = setTimeout(() => tell(cell), 60)
}

function neighbour(cell, key) {
  const row = cell.parentElement
  const beside = (from, step) => {
    let next = from[step]
    while (next && next.hidden) next = next[step]
    return next
  }
  switch (key) {
    case 'ArrowLeft': return cell.previousElementSibling
    case 'ArrowRight': return cell.nextElementSibling
    case 'ArrowUp': return beside(row, 'previousElementSibling')?.cells[cell.cellIndex]
    case 'ArrowDown': return beside(row, 'nextElementSibling')?.cells[cell.cellIndex]
    case 'Home': return row.cells[1]
    case 'End': return row.cells[row.cells.length - 1]
  }
}

if (table && panel && table.tBodies[0].querySelector('a')) {
  const body = table.tBodies[0]
  const first = body.rows[0]?.cells[2] ?? body.rows[0]?.cells[1]
  if (first) first.tabIndex = 0
  current = first
  for (const link of body.querySelectorAll('a')) link.tabIndex = -1
  body.addEventListener('click', (event) => {
    const cell = event.target.closest('td, th')
    if (event.target.closest('a')) event.preventDefault()
    if (!cell) return
    const to = cell.tagName === 'TH' ? cell.nextElementSibling : cell
    to.tabIndex = 0
    to.focus()
  })
  body.addEventListener('focusin', (event) => {
    const cell = event.target.closest('td')
    if (cell) enter(cell)
  })
  body.addEventListener('keydown', (event) => {
    const to = event.target.tagName === 'TD' && !event.ctrlKey && !event.altKey && !event.metaKey && neighbour(event.target, event.key)
    if (!to || to.tagName !== 'TD') return
    event.preventDefault()
    to.tabIndex = 0
    to.focus()
  })
}

// Single keys are off until somebody switches them on; the browser remembers it.
const keys = document.getElementById('keys')
const DO = {
  j: () => document.querySelector('a[rel=next]')?.click(),
  k: () => document.querySelector('a[rel=prev]')?.click(),
  u: () => document.querySelector('.govuk-back-link')?.click(),
  f: () => document.getElementById('q')?.focus(),
  g: () => document.getElementById('flagged')?.click(),
  a: () => choose('approve'),
  r: () => choose('return'),
  x: () => choose('reject'),
  c: () => document.querySelector('button[accesskey=c]')?.click(),
  d: () => document.getElementById('decide')?.focus(),
}

function choose(value) {
  const radio = document.querySelector(`input[name=choice][value=${value}]`)
  radio?.click()
  if (radio) document.getElementById('reason').focus()
}

if (keys) {
  document.getElementById('single-keys').hidden = false
  keys.checked = localStorage.getItem('single-keys') === 'on'
  keys.addEventListener('change', () => localStorage.setItem('single-keys', keys.checked ? 'on' : 'off'))
  document.addEventListener('keydown', (event) => {
    const writes = event.target.closest('textarea, select, input:not([type=checkbox]):not([type=radio])')
    if (!keys.checked || writes || event.ctrlKey || event.altKey || event.metaKey || !DO[event.key]) return
    event.preventDefault()
    DO[event.key]()
  })
}
