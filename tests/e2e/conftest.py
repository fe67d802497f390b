"""Chromium, and a portal with its interface built."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from sdweb.launcher.node import interface_is_current
from tests.e2e.steps import DESKTOP, PHONE, Visitor
from tests.integration.conftest import models
from tests.integration.portal import Portal, portal_running
from tests.stages.packages import browser_path

__all__ = ["models"]


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Portal]:
    """A portal for all browser tests."""
    assert interface_is_current(), "the interface is not built: ./test e2e builds it"
    folder = tmp_path_factory.mktemp("portal")
    # Slow enough to be watched: the tiny model would be done before anybody looks.
    with portal_running(folder, models=models, settings={"SDWEB_PREVIEW_INTERVAL": "0.1"}) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window and without calls to its maker."""
    path = os.environ.get("TEST_BROWSER") or browser_path()
    if not path:
        pytest.skip("no Chromium on this machine")
    quiet = [
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-quic", "--no-first-run", *quiet]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, portal: Portal) -> Iterator[Visitor]:
    """Somebody at a desk; nothing on the page may fail."""
    yield from visit(browser, portal, DESKTOP)


@pytest.fixture
def local_visitor(browser: Browser, portal: Portal) -> Iterator[Visitor]:
    """Somebody at a desk who calls the portal by name: passkeys belong to names, and not to numbers."""
    yield from visit(browser, portal, DESKTOP, url=f"http://localhost:{portal.port}")


@pytest.fixture
def other_visitor(browser: Browser, portal: Portal) -> Iterator[Visitor]:
    """Somebody else, with a browser of their own."""
    yield from visit(browser, portal, DESKTOP)


@pytest.fixture
def phone(browser: Browser, portal: Portal) -> Iterator[Visitor]:
    """Somebody with a phone."""
    yield from visit(browser, portal, PHONE)


def visit(
    browser: Browser, portal: Portal, options: dict[str, object], *, url: str = ""
) -> Iterator[Visitor]:
    context = browser.new_context(base_url=url or portal.url, locale="en-GB", **options)  # type: ignore[arg-type]
    page: Page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"uncaught: {error}"))
    page.on(
        "response",
        lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None,
    )
    yield Visitor(portal, page)
    context.close()
    assert problems == []
