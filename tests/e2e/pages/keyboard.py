"""A page by keyboard: Tab visits everything that can be used, in the order in which it stands, visibly, and no trap."""

from playwright.sync_api import Page

MARK = """async () => {
  // What depends on the window's width is told of it before a frame is drawn: the second begins when the first is done.
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const usable = ['a[href]', 'button', 'input:not([type=hidden])', 'select', 'textarea', 'summary', '[tabindex]',
    '[contenteditable=true]'].join(', ');
  const found = [];
  window.stops = [];
  for (const el of document.querySelectorAll(usable)) {
    if (el.disabled || (el.tabIndex < 0 && !el.isContentEditable) || el.closest('[inert]')) continue;
    if (!el.checkVisibility({visibilityProperty: true})) continue;
    if (el.type === 'radio') {
      const all = [...document.querySelectorAll('input[type=radio]')];
      const group = all.filter(r => r.name === el.name && r.form === el.form);
      if ((group.find(r => r.checked) || group[0]) !== el) continue;
    }
    window.stops.push(el);
    found.push(`${el.tagName.toLowerCase()} ${el.id || el.name || el.textContent.trim().slice(0, 40)}`);
  }
  document.body.tabIndex = -1;
  document.body.focus();  // a page may have put the focus on what is wrong: here it is begun at the top
  document.body.removeAttribute('tabindex');
  return found;
}"""

HERE = """() => {
  const el = document.activeElement;
  if (el === document.body || el === document.documentElement) return null;
  const style = getComputedStyle(el), box = el.getBoundingClientRect();
  const around = [el.parentElement, el.parentElement.parentElement].filter(a => a && a !== document.body);
  const framed = around.some(a => getComputedStyle(a).outlineStyle !== 'none');  // an editor's frame shows it
  const shown = style.outlineStyle !== 'none' || style.boxShadow !== 'none' || framed;
  const wide = box.width > 0 && box.height > 0;
  return {stop: window.stops.indexOf(el), tag: el.outerHTML.slice(0, 120), shown, wide};
}"""


def tab_through(page: Page) -> list[str]:
    """What is wrong with going through the page by Tab, from its top until the focus leaves it."""
    if page.locator(".app-editor").count():
        page.locator(".cm-content").wait_for()  # an editor takes its place when it has come
    stops, problems, visited = page.evaluate(MARK), [], []
    for _ in range(len(stops) + 5):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is not None and not here["shown"]:
            page.wait_for_timeout(100)  # an editor's frame is told of the focus a moment later
            here = page.evaluate(HERE)
        if here is None or (visited and here["stop"] == visited[0]):
            break  # past the last: a window without a bar of its own begins again
        if here["stop"] < 0:
            problems.append(f"focus on what cannot be used: {here['tag']}")
            continue
        visited.append(here["stop"])
        if not here["shown"] or not here["wide"]:
            problems.append(f"focus cannot be seen: {here['tag']}")
    else:
        problems.append("the focus does not leave the page")
    missed = [stops[i] for i in range(len(stops)) if i not in visited]
    if missed:
        problems.append(f"not reached: {missed}")
    if visited != sorted(visited):
        problems.append(f"out of order: {visited}")
    return problems
