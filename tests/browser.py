"""Chromium for tests: one window, without network, in the size and colours asked for."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from needs import unavailable

PHONE, DESKTOP = 390, 1280
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(width: int = DESKTOP, dark: bool = False, script: bool = True):
    """A WebDriver of a headless Chromium; skips where there is none."""
    program, driver = (
        next(filter(None, map(shutil.which, NAMES)), None),
        shutil.which("chromedriver"),
    )
    if not (program and driver):
        unavailable("no Chromium with its driver: apt-get install chromium chromium-driver")
    try:
        from selenium import webdriver
    except ImportError:
        unavailable("no selenium: pip install 'tinygen[test]'")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        look(window, width, dark)
        window.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        window.execute_cdp_cmd("Network.enable", {})
        window.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        yield window
    finally:
        window.quit()


def look(window, width: int, dark: bool) -> None:
    """Sets the window's width and colour scheme."""
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 850, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    window.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )


def show(window, page: Path) -> None:
    """Opens a file."""
    window.get(page.resolve().as_uri())


def complaints(window) -> list[str]:
    """What the browser's console has to say."""
    return [entry["message"] for entry in window.get_log("browser")]


def axe(window) -> list[dict]:
    """What axe-core finds that is serious or critical."""
    import selenium_axe_python

    source = Path(selenium_axe_python.__file__).parent / "axe-core" / "axe.min.js"
    window.execute_script(source.read_text(encoding="utf-8"))
    found = window.execute_async_script(
        "const done = arguments[arguments.length - 1]; "
        "axe.run().then(done, error => done({error: String(error)}))"
    )
    assert "violations" in found, found
    assert len(found["passes"]) > 10  # it has looked
    return [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
