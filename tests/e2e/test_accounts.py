"""Second factors, passkeys and sessions, in a real browser against a real portal."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pyotp
import pytest
from playwright.sync_api import expect

from tests.e2e.steps import Visitor

pytestmark = pytest.mark.e2e


def test_a_code_of_an_app_is_set_up_and_asked_for(visitor: Visitor) -> None:
    page = visitor.page
    visitor.registers()
    visitor.opens_settings("Security")
    page.get_by_role("button", name="Set up").click()
    app = pyotp.TOTP(_scanned(visitor))
    assert app.secret == page.locator("code").inner_text().replace(" ", "")
    page.get_by_label("Code of the app").fill(app.now())
    page.get_by_role("button", name="Switch on").click()
    visitor.proves_it()
    codes = visitor.keeps_recovery_codes()
    expect(page.get_by_text("10 of 10 codes are left")).to_be_visible()

    visitor.signs_out()
    visitor.gives_name_and_password()
    code = page.get_by_label("Code", exact=True)
    code.fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    code.fill(app.at(time.time() + app.interval))  # the one before was used at the set-up
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Security")).to_be_visible(timeout=30_000)

    visitor.signs_out()
    visitor.gives_name_and_password()
    page.get_by_role("button", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("9 of 10 codes are left")).to_be_visible(timeout=30_000)


def _scanned(visitor: Visitor) -> str:
    picture = visitor.page.get_by_alt_text("QR code of the key")
    expect(picture).to_be_visible(timeout=30_000)
    pixels = cv2.imdecode(np.frombuffer(picture.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(cv2.resize(pixels, None, fx=3, fy=3))
    address = urlsplit(text)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    return parse_qs(address.query)["secret"][0]


def test_a_passkey_signs_in_without_a_password(local_visitor: Visitor) -> None:
    page = local_visitor.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    local_visitor.registers()
    local_visitor.opens_settings("Security")
    page.get_by_role("button", name="Add a passkey").click()
    dialog = page.get_by_role("dialog", name="Add a passkey")
    dialog.get_by_label("Name").fill("My finger")
    dialog.get_by_role("button", name="Add a passkey").click()
    local_visitor.proves_it()
    local_visitor.keeps_recovery_codes()
    passkeys = page.get_by_role("list", name="Passkeys")
    expect(passkeys.get_by_text("My finger")).to_be_visible()

    local_visitor.signs_out()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(passkeys.get_by_text("My finger")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Remove My finger").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    local_visitor.proves_it()
    expect(passkeys).to_have_count(0)


def test_a_session_is_ended_from_another_browser(visitor: Visitor, other_visitor: Visitor) -> None:
    visitor.registers()
    other_visitor.signs_in(visitor.name, visitor.password)
    visitor.opens_settings("Sessions")
    sessions = visitor.page.get_by_role("list", name="Where you are signed in").get_by_role("listitem")
    expect(sessions).to_have_count(2, timeout=30_000)
    expect(sessions.filter(has_text="This one")).to_have_count(1)
    visitor.page.get_by_role("button", name=re.compile("^End Chrome")).click()
    expect(sessions).to_have_count(1, timeout=30_000)
    other_visitor.page.reload()
    expect(other_visitor.page.get_by_label("User name or e-mail")).to_be_visible(timeout=30_000)


def test_the_settings_on_a_phone(phone: Visitor) -> None:
    phone.registers()
    for section in ("Account", "Security", "Sessions"):
        phone.opens_settings(section)
        assert phone.has_no_sideways_scroll()
        phone.page.get_by_role("main").get_by_role("link", name="Settings").click()
        expect(phone.page.get_by_role("heading", level=1, name="Settings")).to_be_visible()
        assert phone.has_no_sideways_scroll()
