"""How a receiver knows that a webhook is ours, and new.

**Source**: Standard Webhooks (https://www.standardwebhooks.com), which OpenAI, and others, use too:
its libraries verify ours, as does the OpenAI SDK's ``client.webhooks.verify_signature``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from pydantic import SecretStr

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public beginning of a secret
_PURPOSE = b"cfx-flow webhook v1\0"


class WebhookSecrets:
    """Each user's secret, made from the pepper: none is stored, and every process has the same."""

    def __init__(self, pepper: SecretStr) -> None:
        self._pepper = pepper.get_secret_value().encode()

    def of(self, user_id: str) -> str:
        """``whsec_`` and 32 bytes in base64."""
        return SECRET_PREFIX + base64.b64encode(self._key(user_id)).decode()

    def headers(self, user_id: str, delivery_id: str, unix_s: int, body: bytes) -> Mapping[str, str]:
        signed = b".".join((delivery_id.encode(), str(unix_s).encode(), body))
        signature = base64.b64encode(hmac.digest(self._key(user_id), signed, hashlib.sha256)).decode()
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(unix_s),
            "webhook-signature": f"v1,{signature}",
        }

    def _key(self, user_id: str) -> bytes:
        return hmac.digest(self._pepper, _PURPOSE + user_id.encode(), hashlib.sha256)
