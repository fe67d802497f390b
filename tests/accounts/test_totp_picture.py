"""The QR code of an authenticator app that is being set up."""

import re
from typing import Any

import cv2
import numpy as np
import pytest
from django.test import Client
from PIL import Image, ImageDraw

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/me/totp-picture"
SETUP = "/_allauth/browser/v1/account/authenticators/totp"
SCALE = 8


def text_of(svg: str) -> str:
    """What a camera reads in the picture, whose one path is made of unit squares: ``M4,4H5V5H4z``."""
    box = re.search(r'viewBox="0 0 (\d+) \d+"', svg)
    assert box
    side = int(box.group(1))
    picture = Image.new("L", (side * SCALE, side * SCALE), 255)
    draw = ImageDraw.Draw(picture)
    for x, y in re.findall(r"M(\d+),(\d+)H", svg):
        left, top = int(x) * SCALE, int(y) * SCALE
        draw.rectangle((left, top, left + SCALE - 1, top + SCALE - 1), fill=0)
    found, _, _ = cv2.QRCodeDetector().detectAndDecode(np.asarray(picture))
    return str(found)


def test_says_what_the_app_has_to_know(alice_client: Client) -> None:
    meta = alice_client.get(SETUP).json()["meta"]
    answer = alice_client.get(ADDRESS)
    assert answer.status_code == 200
    assert text_of(answer.json()["svg"]) == meta["totp_url"]
    assert meta["secret"] in meta["totp_url"]


def test_is_not_there_before_a_set_up_has_begun(alice_client: Client, bob_client: Client) -> None:
    assert bob_client.get(SETUP).status_code == 404
    assert alice_client.get(ADDRESS).status_code == 404


def test_is_there_for_those_who_must_have_a_second_factor(alice_client: Client, settings: Any) -> None:
    settings.REQUIRE_2FA = "all"
    alice_client.get(SETUP)
    assert alice_client.get("/api/v1/images").status_code == 403
    assert alice_client.get(ADDRESS).status_code == 200


def test_is_for_people_who_are_signed_in(anonymous_client: Client) -> None:
    assert anonymous_client.get(ADDRESS).status_code == 401
