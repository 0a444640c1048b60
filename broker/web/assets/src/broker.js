import { initAll } from 'govuk-frontend'

initAll()
document.body.addEventListener('htmx:afterSwap', (event) => initAll({ scope: event.target }))
