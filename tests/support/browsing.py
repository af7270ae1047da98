"""Pages in a real browser: Debian's Chromium, driven by Selenium."""

import re
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait


def show(browser, page: Path, width: int = 1200, scheme: str = "light", query: str = "") -> None:
    """Open a page, and wait for its chart if it is to have one."""
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri() + query)
    if browser.find_elements(By.CSS_SELECTOR, ".explorer"):
        WebDriverWait(browser, 20).until(lambda _: is_drawn(browser))


def is_drawn(browser) -> bool:
    """Whether the explorer's chart is there and nothing of it is being changed."""
    return bool(browser.find_elements(By.CSS_SELECTOR, ".chart[aria-busy=false] svg"))


def lines(browser) -> list[str]:
    """The outlines of the lines of the explorer's chart."""
    paths = browser.find_elements(By.CSS_SELECTOR, ".chart .mark-line path")
    return [path.get_attribute("d") for path in paths]


def text_of(browser, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def shown(browser, table: str) -> list[str]:
    """The texts of a table's visible rows."""
    rows = browser.find_elements(By.CSS_SELECTOR, f"#{table} > tbody > tr:not(.section)")
    return [row.text for row in rows if row.is_displayed()]


def colour(browser, place: str, name: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, place).value_of_css_property(name)


def luminance(text: str) -> float:
    """Relative luminance of a CSS colour, after WCAG 2."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", text)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
