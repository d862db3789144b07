"""Headless Chromium, where it is installed."""

import shutil
from contextlib import contextmanager


@contextmanager
def open_browser(width=1280, height=900):
    """A headless browser with its console on record.

    Parameters
    ----------
    width, height : int
        Of the window.

    Yields
    ------
    selenium.webdriver.Chrome

    Raises
    ------
    FileNotFoundError
        If there is no Chromium with its driver on the path.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        raise FileNotFoundError(
            "Expected chromium and chromedriver on the path. On Debian: "
            "apt-get install chromium-driver"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    size = f"--window-size={width},{height}"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", size):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as browser:
        yield browser
