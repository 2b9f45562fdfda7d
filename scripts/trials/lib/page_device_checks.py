"""The page in light and dark, on a phone, and by keyboard (scripts/trials/page)."""

import re
import time

from trials.lib.page_browser import DESKTOP, PHONE
from trials.lib.page_trial import PageTrial

COLOUR = """
const node = document.body.appendChild(document.createElement("i"));
node.style.color = `var(--${arguments[0]})`;
const colour = getComputedStyle(node).color;
node.remove();
return colour;
"""

# A field to tick counts with the text that belongs to it.
SMALL = """
return [...document.querySelectorAll("button, select, summary, input")].filter((node) => node.checkVisibility())
  .map((node) => (node.type === "checkbox" ? node.closest("label") : node))
  .filter((node) => Math.min(node.getBoundingClientRect().width, node.getBoundingClientRect().height) < 40)
  .map((node) => node.outerHTML.slice(0, 60));
"""

NAMELESS = """
const name = (node) =>
  node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.[0]?.textContent.trim();
return [...document.querySelectorAll("button, select, input, svg[data-chart], section")]
  .filter((node) => node.checkVisibility() && !name(node)).map((node) => node.outerHTML.slice(0, 60));
"""


def luminance(colour):
    """As WCAG 2 has it."""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class DeviceChecks(PageTrial):
    def keyboard(self):
        browser = self.browser
        browser.run("document.querySelector('tr.run input').focus(); request(...EVERYTHING);")
        time.sleep(0.3)
        is_kept = browser.run("return document.activeElement === document.querySelector('tr.run input')")
        self.check("focus stays while the page is drawn", is_kept)
        nameless = browser.run(NAMELESS)
        self.check("everything that can be used has a name", not nameless, str(nameless[:3] or ""))
        browser.set("#slider", "4")
        self.check("the slider goes to a step", not self.wrong_moment(self.first_folder.of("step")[4]),
                   browser.text("#moment-text"))
        browser.click("#newest")

    def colour_schemes(self):
        for scheme in ("light", "dark"):
            self.browser.colours(scheme)
            self.check(f"{scheme} colours can be read", *self.contrast())
            self.browser.picture(f"two-runs-{scheme}", whole=True)
        self.browser.colours("light")

    def contrast(self):
        """Texts 4.5 : 1, curves 3 : 1 against what is behind them."""
        def ratio(*names):
            colours = [[int(part) for part in re.findall(r"\d+", self.browser.run(COLOUR, name))[:3]] for name in names]
            dark, light = sorted(luminance(colour) for colour in colours)
            return (light + 0.05) / (dark + 0.05)
        texts = min(ratio(front, back) for front in ("ink", "quiet", "bad", "warn", "good", "restart", "c0")
                    for back in ("paper", "panel", "tint"))
        curves = min(ratio(front, "panel") for front in [f"c{index}" for index in range(8)] + ["mark", "field"])
        return texts >= 4.5 and curves >= 3, f"texts {texts:.1f} : 1, curves {curves:.1f} : 1 at least"

    def phone(self):
        browser = self.browser
        wanted = len(browser.values())
        for width in (360, PHONE[0]):
            browser.resize((width, PHONE[1]), is_phone=True)
            wide = browser.run("return document.documentElement.scrollWidth")
            visible = sum(item["isVisible"] for item in browser.values())
            self.check(f"{width} pixels wide: nothing beyond the edge, all values there",
                       wide <= width and visible == wanted > 30, f"{wide} pixels, {visible} of {wanted} values")
            small = browser.run(SMALL)
            self.check(f"{width} pixels wide: what can be touched is 40 pixels large", not small, str(small[:3] or ""))
        browser.run("scrollTo(0, 0)")
        browser.picture("phone", whole=True)
        self.tap_a_step()
        browser.resize(DESKTOP)

    def tap_a_step(self):
        browser = self.browser
        browser.pick("first")
        left, top = browser.corner_of("speed")
        x, _ = browser.curves(self.run_id)["speed", "tokens_per_second"][10]
        browser.tap(left + x, top + 80)
        self.check("a tap keeps a moment", not self.wrong_moment(self.first_folder.of("step")[10]),
                   browser.text("#moment-text"))
        browser.picture("phone-moment")
        browser.click("#newest")
