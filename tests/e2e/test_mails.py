"""A forgotten password, with a real mail server between the portal and the person."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, expect

from sdweb.launcher.machine import free_port
from tests.e2e.conftest import visit
from tests.e2e.steps import DESKTOP, Visitor
from tests.integration.portal import Portal, eventually, portal_running

pytestmark = pytest.mark.e2e


class PostOffice:
    """What arrived, by the address that it was for."""

    def __init__(self) -> None:
        self.letters: dict[str, list[str]] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a letter; aiosmtpd calls it by this name."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
        assert body is not None
        for address in envelope.rcpt_tos:
            self.letters.setdefault(address, []).append(body.get_content())
        return "250 OK"

    def link(self, address: str, page: str) -> str:
        """The link to a page of the interface in the letters for somebody, when it has come."""

        def look() -> str:
            text = "\n".join(self.letters.get(address, []))
            found = re.search(rf"https?://\S+/#/{page}/\S+", text)
            return found.group() if found else ""

        return eventually(look, what=f"a letter with a link to {page}")


@pytest.fixture(scope="module")
def post_office() -> Iterator[tuple[PostOffice, str]]:
    """A mail server, and its address for the portal."""
    office, port = PostOffice(), free_port()
    server = Controller(office, hostname="127.0.0.1", port=port)
    server.start()
    yield office, f"smtp://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="module")
def mailing_portal(
    tmp_path_factory: pytest.TempPathFactory, models: Path, post_office: tuple[PostOffice, str]
) -> Iterator[Portal]:
    settings = {"SDWEB_EMAIL_URL": post_office[1], "SDWEB_EMAIL_VERIFICATION": "mandatory"}
    with portal_running(tmp_path_factory.mktemp("mailing"), models=models, settings=settings) as running:
        yield running


@pytest.fixture
def newcomer(browser: Browser, mailing_portal: Portal) -> Iterator[Visitor]:
    yield from visit(browser, mailing_portal, DESKTOP)


def test_an_address_is_confirmed_and_a_forgotten_password_replaced(
    newcomer: Visitor, post_office: tuple[PostOffice, str]
) -> None:
    office, page, address = post_office[0], newcomer.page, f"{newcomer.name}@example.org"
    page.goto("/")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("User name", exact=True).fill(newcomer.name)
    page.get_by_label("E-mail").fill(address)
    page.locator('input[type="password"]').fill(newcomer.password)
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("heading", name="Verify your e-mail")).to_be_visible(timeout=30_000)
    assert page.evaluate("fetch('/api/v1/images').then(answer => answer.status)") == 401
    page.goto(office.link(address, "confirm-email"))
    expect(page.get_by_text(f"Is {address} yours?")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Verify").click()
    newcomer.gives_name_and_password()
    expect(newcomer.prompt).to_be_visible(timeout=30_000)
    newcomer.signs_out()

    page.get_by_role("link", name="Forgot password?").click()
    page.get_by_label("E-mail", exact=True).fill(address)  # not the field of the page that is being left
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("Look into your mail")).to_be_visible(timeout=30_000)
    page.goto(office.link(address, "reset-password"))
    newcomer.password = "another secret of seven words"
    page.get_by_label("New password").fill(newcomer.password)
    page.get_by_role("button", name="Change password").click()
    newcomer.gives_name_and_password()
    expect(newcomer.prompt).to_be_visible(timeout=30_000)
    newcomer.signs_out()

    page.goto(office.link(address, "reset-password"))
    expect(page.get_by_text("This link is not good any more")).to_be_visible(timeout=30_000)
