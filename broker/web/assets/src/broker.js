import { initAll } from 'govuk-frontend'

initAll()
document.body.addEventListener('htmx:afterSwap', (event) => initAll({ scope: event.target }))

// Seconds that the broker told go on by themselves, for eyes only: a screen reader hears what changes, not each second.
const began = new WeakMap()
setInterval(() => {
  for (const told of document.querySelectorAll('[data-seconds]')) {
    if (!began.has(told)) began.set(told, performance.now())
    told.textContent = Number(told.dataset.seconds) + Math.floor((performance.now() - began.get(told)) / 1000)
  }
}, 500)

// Where something is wider than its region a line says so: a phone shows no bar.
const WIDER = 'Wider than the page: it scrolls sideways.'
function tellWide(region) {
  const wide = region.scrollWidth > region.clientWidth + 1
  const before = region.previousElementSibling
  const told = before?.classList.contains('app-wider') ? before : null
  if (told) told.hidden = !wide
  else if (wide) region.insertAdjacentHTML('beforebegin', `<p class="govuk-hint app-wider">${WIDER}</p>`)
}
const sizes = new ResizeObserver((found) => found.forEach((one) => tellWide(one.target)))
const watch = (root) => root.querySelectorAll('.app-scroll').forEach((region) => sizes.observe(region))
watch(document)
document.body.addEventListener('htmx:afterSwap', () => watch(document))
