"""A person at a running portal, over HTTP: signs in, asks for pictures, gets them."""

import base64
import time
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import httpx
from PIL import Image

WAIT_SECONDS: Final = 600.0
POLL_SECONDS: Final = 0.5


class PortalClient:
    """Signed in until it is closed. Raises ``RuntimeError`` with the portal's words for what it refuses."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60.0)
        answer = self._post("/_allauth/browser/v1/auth/login", {"username": user, "password": password})
        _require(answer, 200)

    def pictures(self, **request: Any) -> list[Image.Image]:
        """The pictures of one request, when they are made."""
        answer = self._post("/api/v1/jobs", _wire(request))
        _require(answer, 202)
        job = self._end(answer.json()["id"])
        if job["state"] != "done":
            raise RuntimeError(f"{job['state']}: {job['error']}")
        return [self._picture(image) for image in job["images"]]

    def close(self) -> None:
        self._http.close()

    def _end(self, job_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            job: dict[str, Any] = self._http.get(f"/api/v1/jobs/{job_id}").json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            time.sleep(POLL_SECONDS)
        raise RuntimeError(f"job {job_id} did not end within {WAIT_SECONDS:.0f} s")

    def _picture(self, image: Mapping[str, Any]) -> Image.Image:
        answer = self._http.get(image["url"])
        _require(answer, 200)
        return Image.open(BytesIO(answer.content)).convert("RGB")

    def _post(self, path: str, data: object) -> httpx.Response:
        token = self._http.get("/api/v1/me").json()["csrf_token"]
        return self._http.post(path, json=data, headers={"X-CSRFToken": token})


def _require(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:500]}")


def _wire(value: Any) -> Any:
    """The request as JSON, pictures as base64."""
    if isinstance(value, Image.Image):
        with BytesIO() as buffer:
            value.save(buffer, "PNG")
            return base64.b64encode(buffer.getvalue()).decode("ascii")
    if isinstance(value, dict):
        return {name: _wire(one) for name, one in value.items()}
    return [_wire(one) for one in value] if isinstance(value, list) else value
