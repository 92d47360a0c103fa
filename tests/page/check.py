"""What tests/page/check.sh runs: BROWSER PAGE FOLDER."""
import sys
import time
from urllib.parse import parse_qs

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

browser_path, page_path, folder = sys.argv[1:4]
failures = []


def check(condition, what):
    print(("ok      " if condition else "FAILED  ") + what)
    if not condition:
        failures.append(what)


def state(page):
    return {k: v[0] for k, v in parse_qs(page.evaluate("location.hash").lstrip("#")).items()}


def opened(context, where="", size=None):
    page = context.new_page()
    page.messages = []
    page.on("console", lambda m: page.messages.append(m.text))
    page.on("pageerror", lambda e: page.messages.append(str(e)))
    page.on("request", lambda r: page.messages.append("request " + r.url)
            if not r.url.startswith(("file:", "data:", "blob:")) else None)
    if size:
        page.set_viewport_size(size)
    page.goto("file://" + page_path + where)
    page.wait_for_selector("body[data-ready][data-drawn]")
    return page


def keyboard(context):
    page = opened(context)
    keys = 0
    for key in ["Tab", "Enter", "Enter"]:  # skip link, first number, its panel
        page.keyboard.press(key)
        keys += 1
    page.wait_for_selector("#panel:not([hidden])")
    check(keys <= 12, f"the provenance of a number in {keys} keys from a cold page")
    check(page.evaluate("document.activeElement.id") == "panel-title", "focus moves into the panel")
    check("trial" in state(page), "the panel's trial stands in the address")
    page.keyboard.press("Escape")
    check(page.is_hidden("#panel"), "Escape closes the panel")
    check(page.evaluate("!!document.activeElement.closest('#main td')"), "focus returns to the cell")
    check("trial" not in state(page), "and the address forgets it")
    before = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowDown")
    check(page.evaluate("document.activeElement.tagName") == "BUTTON" and
          page.evaluate("document.activeElement.textContent") != before, "arrows walk through cells")
    page.keyboard.press("/")
    check(page.evaluate("document.activeElement.id") == "find", "/ goes to the search")
    check(not page.messages, f"no console message, no request {page.messages[:3]}")
    page.close()


def addresses(context):
    page = opened(context)
    views = page.evaluate("Object.keys(kViews)")
    for view in views:
        page.click(f"nav a:has-text('{page.evaluate('kViews[' + repr(view) + ']')}')")
        check(state(page)["view"] == view, f"a click on {view} writes the address")
    page.go_back()
    check(state(page)["view"] == views[-2], "back goes back")
    page.click("nav a:has-text('Tables')")
    page.select_option("label:has-text('Patterns') select", "unstructured")
    page.click("thead th:nth-child(2) button")
    page.keyboard.press("/")
    page.keyboard.type("wanda")
    check(page.evaluate("document.activeElement.id") == "find", "typing keeps the focus")
    wanted = state(page)
    check({"kind", "sort", "find"} <= wanted.keys(), f"filters, order and search are in it: {wanted}")
    page.wait_for_selector("body[data-drawn]")
    rows = page.locator("tbody th").all_inner_texts()
    check(all("wanda" in r or r == "dense" for r in rows), "the search leaves what it finds")
    other = opened(context, page.evaluate("location.hash"))
    page.wait_for_selector("body[data-drawn]")
    check(other.inner_html("#main") == page.inner_html("#main"), "the address shows the same again")
    page.click("td button:not(:disabled) >> nth=0")
    page.wait_for_selector("#panel:not([hidden])")
    third = opened(context, page.evaluate("location.hash"))
    third.wait_for_selector("#panel:not([hidden])")
    check(third.inner_text("#panel-title") == page.inner_text("#panel-title"),
          "an address with a trial opens its panel")
    page.click("#panel button:has-text('Copy command')")
    page.wait_for_selector("#status:has-text('copied')")
    check(True, "copying says so")
    for p in (other, third, page):
        check(not p.messages, f"no console message {p.messages[:3]}")
        p.close()


def rules(context, views, scheme):
    for view in views:
        page = opened(context, f"#view={view}")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
        worst = [f"{v['id']} ({len(v['nodes'])}): {v['nodes'][0]['html'][:110]}"
                 for v in found.response["violations"]]
        check(not worst, f"axe finds nothing in {view}, {scheme}: {worst}")
        page.close()


def pictures(context, views):
    for view in views:
        for name, size in [("", {"width": 1500, "height": 1100}), ("-phone", {"width": 390, "height": 844}),
                           ("-4k", {"width": 3840, "height": 2160})]:
            page = opened(context, f"#view={view}", size)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            check(wide <= 0, f"{view}{name} does not scroll sideways ({wide})")
            page.screenshot(path=f"{folder}/{view}{name}.png", full_page=name == "")
            page.close()
    page = opened(context, "#view=tables", {"width": 375, "height": 275})  # 1500 at 400 %
    check(page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "400 % zoom")
    page.emulate_media(media="print")
    check(page.is_visible(".printed") and page.inner_text(".printed") != "", "print names the model")
    page.close()


def times(context):
    page = context.new_page()
    begin = time.time()
    page.goto("file://" + page_path)
    page.wait_for_selector("body[data-ready]")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    print(f"        first paint {paint:.0f} ms, results unpacked and drawn "
          f"{page.get_attribute('body', 'data-ready')} ms after the script began, "
          f"{1000 * (time.time() - begin):.0f} ms in all")
    for view in page.evaluate("Object.keys(kViews)"):
        took = page.evaluate("(v) => {const t = performance.now(); show({view: v}); "
                             "document.body.offsetHeight; return performance.now() - t;}", view)
        print(f"        switch to {view}: {took:.0f} ms")
    for model in page.evaluate("data.models.map((m) => m.name)")[:3]:
        took = page.evaluate("(m) => {const t = performance.now(); show({view: 'tables', model: m}); "
                             "document.body.offsetHeight; return performance.now() - t;}", model)
        print(f"        tables of {model}: {took:.0f} ms")
    page.close()


with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
    light = browser.new_context(color_scheme="light", viewport={"width": 1500, "height": 1100})
    dark = browser.new_context(color_scheme="dark", viewport={"width": 1500, "height": 1100})
    first = opened(light)
    all_views = first.evaluate("Object.keys(kViews)")
    first.close()
    times(light)
    if "--times" not in sys.argv:
        keyboard(light)
        addresses(light)
        rules(light, all_views, "light")
        rules(dark, all_views, "dark")
        pictures(light, all_views)
    browser.close()
print(f"{len(failures)} failed" if failures else "all hold")
sys.exit(1 if failures else 0)
