"""An authenticator in software: what a phone or a security key does when a page asks for a passkey."""

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import CoseKey
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

FLAG = AuthenticatorData.FLAG


@dataclass
class SoftwarePasskey:
    """One passkey, which its owner unlocks for whatever is asked; it answers only pages of its own site."""

    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str = ""
    count: int = 0

    def create(self, options: dict[str, Any], *, rp_id: str | None = None) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``."""
        public = options["publicKey"]
        self.user_handle = public["user"]["id"]
        point = self.key.public_key().public_numbers()
        # A COSE key: an elliptic curve (1: 2), for ES256 (3: -7), on P-256 (-1: 1).
        x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        attested = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, CoseKey.parse({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        )
        data = self._data(rp_id or public["rp"]["id"], FLAG.UP | FLAG.UV | FLAG.AT, attested)
        response = {
            "clientDataJSON": self._client_data("webauthn.create", public["challenge"]),
            "attestationObject": websafe_encode(bytes(AttestationObject.create("none", data, {}))),
        }
        return self._credential(response, {"credProps": {"rk": True}})

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.get``."""
        public = options["publicKey"]
        self.count += 1
        data = self._data(public["rpId"], FLAG.UP | FLAG.UV, None)
        client_data = self._client_data("webauthn.get", public["challenge"])
        signed = bytes(data) + sha256(websafe_decode(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": websafe_encode(bytes(data)),
            "signature": websafe_encode(self.key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": self.user_handle,
        }
        return self._credential(response, {})

    def _data(self, rp_id: str, flags: Any, attested: AttestedCredentialData | None) -> AuthenticatorData:
        data: AuthenticatorData = AuthenticatorData.create(
            sha256(rp_id.encode()).digest(), flags, self.count, bytes(attested) if attested else b""
        )
        return data

    def _client_data(self, kind: str, challenge: str) -> str:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return websafe_encode(json.dumps(said).encode())

    def _credential(self, response: dict[str, Any], extensions: dict[str, Any]) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": extensions,
            "authenticatorAttachment": "platform",
        }
