// Before anything is drawn: says that scripts run, as GOV.UK Frontend asks. A file, since no page has inline script.
document.body.classList.add('js-enabled')
if ('noModule' in HTMLScriptElement.prototype) document.body.classList.add('govuk-frontend-supported')
