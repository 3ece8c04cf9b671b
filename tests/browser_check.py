"""Opens a page in headless Chromium as four readers do: light and dark, by hand and at a desk, without script.

Arguments: the page's file, a folder for the screenshots, and words that must be seen. Prints what it saw as JSON;
whoever called decides what is wrong. A machine without Chromium is an error.
"""

import json
import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

WIDTHS = {"phone": 390, "desktop": 1280}
SEEN = """() => {
    const visible = element => element.checkVisibility() && element.getBoundingClientRect().width > 0;
    const all = selector => [...document.querySelectorAll(selector)].filter(visible);
    return {
        wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        background: getComputedStyle(document.body).backgroundColor,
        tables: all("table").length,
        charts: all("svg[role=img]").length,
        clipped: all("svg text").filter(text => {
            const box = text.getBoundingClientRect(), of = text.closest("svg").getBoundingClientRect();
            return box.left < of.left - 1 || box.right > of.right + 1;
        }).map(text => text.textContent),
        letters: Math.min(99, ...all("svg text").map(text => text.getBoundingClientRect().height)),
    };
}"""


def main(page_file, folder, *words):
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed")
    address = pathlib.Path(page_file).resolve().as_uri()
    views = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for name, width in WIDTHS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
                )
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
                views.append(
                    seen
                    | {
                        "view": f"{name}, {scheme}",
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
