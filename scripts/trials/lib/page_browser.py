"""Chromium without a screen, looking at the collector's page (scripts/trials/page)."""

import base64
import json
import re
import shutil
import time

DESKTOP, PHONE = (1440, 1000), (390, 844)

# Runs in the page: when each step's loss was drawn first, how often all charts were drawn, and what held the
# page up. The page's functions belong to the window, so they can be wrapped.
WATCH = """
window.drawnAt = {};
window.chartDraws = 0;
window.longTasks = [];
const drawn = (step) => requestAnimationFrame(() => setTimeout(() => { drawnAt[step] ??= Date.now() / 1000; }));
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.dataset?.value === "loss") drawn(target.dataset.step);
}).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-step"] });
const draw = window.drawCharts;
window.drawCharts = () => {
  window.chartDraws += 1;
  draw();
};
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ type: "longtask" });
"""

VALUES = """
return [...document.querySelectorAll("#charts [data-value]")].map((node) => ({
  chart: node.closest("figure").dataset.figure, field: node.dataset.value, run: node.dataset.run,
  step: Number(node.dataset.step), number: node.dataset.number === "" ? null : Number(node.dataset.number),
  text: node.textContent,
  isVisible: node.checkVisibility() && node.getBoundingClientRect().right <= innerWidth + 1,
}));
"""

CURVES = """
return [...document.querySelectorAll("path.curve:not(.faint)")]
  .filter((node) => node.dataset.run === arguments[0])
  .map((node) => [node.closest("svg").dataset.chart, node.dataset.curve, node.getAttribute("d")]);
"""

PICK = """
for (const row of document.querySelectorAll("tr.run")) {
  const box = row.querySelector("input");
  if (box.checked !== arguments[0].includes(row.querySelector(".name").textContent)) box.click();
}
"""

SET = """
const node = document.querySelector(arguments[0]);
if (node.type === "checkbox") node.checked = arguments[1];
else node.value = arguments[1];
node.dispatchEvent(new Event("input"));
"""


class Browser:
    def __init__(self, pictures):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     "--window-size={},{}".format(*DESKTOP)):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.pictures = pictures
        # Since they were taken last: what was asked for, and what the browser complained about.
        self.requests = []
        self.complaints = []

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def leave(self):
        """Leaves the page, and forgets what was asked for so far."""
        self.driver.get("about:blank")
        self.take_logs()
        self.requests, self.complaints = [], []

    def open(self, address):
        # Another hash alone would not load the page again.
        self.driver.get("about:blank")
        self.driver.get(address)
        self.run(WATCH)

    def take_logs(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        self.complaints += [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    # ------------------------------------------------------------ how it looks

    def resize(self, size, is_phone=False):
        self.command("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                     deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)
        self.command("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        time.sleep(0.4)

    def colours(self, scheme):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        time.sleep(0.2)

    def picture(self, name, whole=False):
        data = self.command("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        (self.pictures / f"{name}.png").write_bytes(base64.b64decode(data))

    # ------------------------------------------------------------ what it shows

    def values(self, run=None):
        """What stands below the charts."""
        return [item for item in self.run(VALUES) if run is None or item["run"] == run]

    def curves(self, run):
        """(chart, field) → the corners of its line, in pixels."""
        return {(chart, field): corners(path) for chart, field, path in self.run(CURVES, run)}

    def mark(self, kind, chart="loss"):
        """- Returns: the path of the marks of a kind, and how many there are."""
        path = "svg[data-chart={}] [data-mark={}]".format(chart, kind)
        return self.attribute(path, "d"), self.number(path, "data-count")

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector)

    def attribute(self, selector, name):
        script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null"
        return self.run(script, selector, name)

    def number(self, selector, attribute="data-number"):
        text = self.attribute(selector, attribute)
        return float(text) if text else None

    def style(self, selector, name):
        return self.run("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, name)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def is_shown(self, selector):
        return self.run("return document.querySelector(arguments[0])?.checkVisibility() ?? false", selector)

    # ------------------------------------------------------------ what a person does

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)
        time.sleep(0.2)

    def set(self, selector, value):
        self.run(SET, selector, value)
        time.sleep(0.2)

    def pick(self, *names):
        """Chooses exactly the runs of these names in the list."""
        self.run(PICK, names)
        time.sleep(0.3)

    def corner_of(self, chart):
        """Where a chart begins on the screen; it is scrolled into sight."""
        selector = f"svg[data-chart={chart}]"
        self.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", selector)
        time.sleep(0.1)
        return self.run("const box = document.querySelector(arguments[0]).getBoundingClientRect();"
                        "return [box.left, box.top]", selector)

    def point_at(self, x, y):
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        time.sleep(0.1)

    def tap(self, x, y):
        self.command("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        time.sleep(0.7)


def corners(path):
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]
