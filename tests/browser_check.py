"""Opens a page in headless Chromium as its readers do: light and dark, by hand and at a desk.

Each of the four is looked at without script. Then, with script, which the page itself has none of, the rules of
axe-core are held against it with everything unfolded, it is gone through by the keyboard alone, and it is laid out for
paper.

Arguments: the page's file, a folder for the screenshots, and words that must be seen. Prints what it saw as JSON;
whoever called decides what is wrong. A machine without Chromium is an error.
"""

import json
import pathlib
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

WIDTHS = {"phone": 390, "desktop": 1280}
SEEN = """() => {
    const visible = element => element.checkVisibility() && element.getBoundingClientRect().width > 0;
    const all = selector => [...document.querySelectorAll(selector)].filter(visible);
    const named = svg => svg.getAttribute("role") === "img" &&
        (svg.getAttribute("aria-label") || svg.querySelector("title")?.textContent);
    return {
        wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        background: getComputedStyle(document.body).backgroundColor,
        tables: all("table").length,
        charts: all("svg[role=img]").length,
        clipped: all("svg text").filter(text => {
            const box = text.getBoundingClientRect(), of = text.closest("svg").getBoundingClientRect();
            return box.left < of.left - 1 || box.right > of.right + 1;
        }).map(text => text.textContent),
        needless: all(".scroll").filter(box =>
            box.scrollWidth > box.clientWidth && box.querySelector("table")?.offsetWidth <= box.clientWidth
        ).map(box => box.textContent.slice(0, 80)),
        letters: Math.min(99, ...all("svg text").map(text => text.getBoundingClientRect().height)),
        unnamed: [...document.querySelectorAll("svg")].filter(svg => !named(svg)).length,
        unscoped: [...document.querySelectorAll("th")].filter(th => !th.scope).map(th => th.textContent),
    };
}"""
# What a reader without a mouse gets to: everything that scrolls, and each stop with a frame around it.
STOP = """() => {
    const stop = document.activeElement;
    if (stop === document.body || stop.dataset.stopped) return null;
    stop.dataset.stopped = "yes";
    const style = getComputedStyle(stop), box = stop.getBoundingClientRect();
    const framed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const shown = box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
    return {name: stop.outerHTML.slice(0, 80), seen: framed && shown};
}"""
UNREACHED = """() => [...document.querySelectorAll("*")].filter(element =>
    element.scrollWidth > element.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(element).overflowX)
    && !element.dataset.stopped
).map(element => element.outerHTML.slice(0, 80))"""
# What is cut off where it is printed: A4 without its margins, and across it where the style sheet asks for that.
PRINTED = """across => [...document.querySelectorAll(".scroll")].filter(box =>
    (getComputedStyle(box).page !== "auto") === across && box.scrollWidth > box.clientWidth + 1
).map(box => box.textContent.slice(0, 80))"""
PAPER = {False: 718, True: 1046}
MOST_STOPS = 1000


def stops(page):
    """Where Tab leads, one after the other."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if not (stop := page.evaluate(STOP)):
            return
        yield stop
    raise AssertionError(f"Tab goes on for more than {MOST_STOPS} stops")


def by_keyboard(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    seen = list(stops(page))
    unreached = page.evaluate(UNREACHED)
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    return {
        "stops": len(seen),
        "unreached": unreached,
        "unframed": [stop["name"] for stop in seen if not stop["seen"]],
        "skips": page.evaluate("!!document.activeElement.closest('main')"),
    }


def in_print(page):
    page.emulate_media(media="print")
    cut = []
    for across, width in PAPER.items():
        page.set_viewport_size({"width": width, "height": width})
        cut += page.evaluate(PRINTED, across)
    return cut


def by_axe(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:120]}" for rule in found for node in rule["nodes"][:3]
    ]


def main(page_file, folder, *words):
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed")
    address = pathlib.Path(page_file).resolve().as_uri()
    views = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for name, width in WIDTHS.items():
                looks = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
                context = browser.new_context(**looks, java_script_enabled=False)
                page = context.new_page()
                console, requests = [], []
                page.on("console", lambda message: console.append(message.text))
                page.on("pageerror", lambda error: console.append(str(error)))
                page.on("request", lambda request: requests.append(request.url))
                page.goto(address, wait_until="load")
                text = page.inner_text("body")
                seen = page.evaluate(SEEN)
                shot = pathlib.Path(folder) / f"{name}-{scheme}.png"
                page.screenshot(path=shot, full_page=True)
                context.close()
                context = browser.new_context(**looks)
                page = context.new_page()
                page.goto(address, wait_until="load")
                violations = by_axe(page)
                page.reload()
                keyboard = by_keyboard(page)
                views.append(
                    seen
                    | keyboard
                    | {
                        "view": f"{name}, {scheme}",
                        "violations": violations,
                        "cut_in_print": in_print(page),
                        "console": console,
                        "requests": [request for request in requests if request != address],
                        "missing": [word for word in words if word not in text],
                    }
                )
                context.close()
        browser.close()
    print(json.dumps(views))


if __name__ == "__main__":
    main(*sys.argv[1:])
