"""What is said to the OpenID Connect provider, and what is believed of its answers.

Authorization code with PKCE (RFC 7636), state and nonce; by authlib and joserfc. It blocks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests

from scheduler_defs.access.oidc.claims import LoginFault, Person, found, person_of
from scheduler_defs.access.oidc.pending import Pending
from scheduler_defs.declarations.models.access import OidcProvider

_TIMEOUT_SECONDS = 10
_DESCRIBED_SECONDS = 3600.0
_KEYS_SECONDS = 10.0
"""A key that is not known is looked for at most so often."""
_LEEWAY_SECONDS = 60
_ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
"""Signatures by a key of the provider's own: none of a secret that both know, and never `none`."""
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass
class Provider:
    """One provider as it is declared. `environ` has the client's secret."""

    declared: OidcProvider
    environ: Mapping[str, str]
    clock: Callable[[], float] = monotonic
    _described: tuple[float, dict[str, Any]] | None = None
    _keys: tuple[float, dict[str, Any]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, pending: Pending, redirect_uri: str) -> str:
        """Where the browser is sent to. Raises LoginFault."""
        session = self._session(redirect_uri)
        url, _ = session.create_authorization_url(
            self._description()["authorization_endpoint"],
            state=pending.state,
            code_verifier=pending.verifier,
            nonce=pending.nonce,
        )
        return str(url)

    def person(self, pending: Pending, code: str, redirect_uri: str, issuer: str | None = None) -> Person:
        """Who has logged in, for the code that the browser brings back. `issuer`: as the answer names it.

        Raises LoginFault.
        """
        described = self._description()
        expected = described.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or expected) and issuer != self.declared.issuer:  # RFC 9207
            raise LoginFault("the answer is another provider's")
        token = self._redeem(pending, code, redirect_uri)
        claims = self._proven(token, pending)
        wanted = (self.declared.name_claim, self.declared.groups_claim)
        endpoint = described.get("userinfo_endpoint")
        if endpoint and any(found(claims, name) is None for name in wanted):
            claims = {**self._more(str(endpoint), token, claims), **claims}
        return person_of(claims, self.declared)

    def end_address(self) -> str | None:
        """Where one logs out at the provider, too; None where it has no such page, or does not answer."""
        try:
            found_ = self._description().get("end_session_endpoint")
        except LoginFault:
            return None
        return str(found_) if found_ and self._safe(str(found_)) else None

    def _session(self, redirect_uri: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        offered = self._description().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        by = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        secret = self._secret()
        return OAuth2Session(
            self.declared.client_id,
            secret,
            token_endpoint_auth_method=by if secret else "none",
            scope=" ".join(self.declared.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=_TIMEOUT_SECONDS,
        )

    def _secret(self) -> str | None:
        name = self.declared.client_secret
        if name is None:
            return None
        value = self.environ.get(name)
        if not value:
            raise LoginFault(f"{name} is not set where the webserver runs: it holds the client's secret")
        return value

    def _redeem(self, pending: Pending, code: str, redirect_uri: str) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        try:
            return self._session(redirect_uri).fetch_token(
                self._description()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=pending.verifier,
                redirect_uri=redirect_uri,
                allow_redirects=False,
            )
        except AuthlibBaseError as error:
            raise LoginFault(f"the provider takes the code for no login: {said(error.error)}") from None
        except (requests.RequestException, ValueError):
            raise LoginFault("the provider's token endpoint does not answer as it should") from None

    def _proven(self, token: Mapping[str, Any], pending: Pending) -> dict[str, Any]:
        """The claims of the ID token, when it is the provider's, for us, for this login, and in time."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError

        text = token.get("id_token")
        if not isinstance(text, str):
            raise LoginFault("the provider has sent no ID token; is openid among the scopes that it allows?")
        options = {
            "iss": {"essential": True, "value": self.declared.issuer},
            "aud": {"essential": True, "value": self.declared.client_id},
            "sub": {"essential": True},
        }
        params = {
            "nonce": pending.nonce,
            "client_id": self.declared.client_id,
            "access_token": token.get("access_token"),
        }
        try:
            try:
                decoded = jwt.decode(text, self._key_set(fresh=False), algorithms=_ALGORITHMS)
            except (BadSignatureError, InvalidKeyIdError):
                # Keys change: one that is not known is perhaps new.
                decoded = jwt.decode(text, self._key_set(fresh=True), algorithms=_ALGORITHMS)
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(now=int(time.time()), leeway=_LEEWAY_SECONDS)
        except JoseError as error:
            raise LoginFault(f"the provider's ID token is refused: {said(error)}") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise LoginFault("the provider's ID token is refused: it cannot be read") from None
        return dict(claims)

    def _more(self, endpoint: str, token: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
        """What the provider says of him elsewhere; of nobody else (OpenID Connect Core, 5.3.2)."""
        bearer = {"Authorization": f"Bearer {token.get('access_token', '')}"}
        more = self._get(endpoint, "userinfo endpoint", bearer)
        if more.get("sub") != claims.get("sub"):
            raise LoginFault("the provider's userinfo endpoint speaks of somebody else")
        return more

    def _description(self) -> dict[str, Any]:
        with self._lock:
            if self._described is None or self.clock() - self._described[0] > _DESCRIBED_SECONDS:
                self._described = self.clock(), self._discovered()
            return self._described[1]

    def _discovered(self) -> dict[str, Any]:
        issuer = self.declared.issuer
        found_ = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", "description")
        if found_.get("issuer") != issuer:
            named = said(found_.get("issuer"))
            raise LoginFault(f"access.oidc.issuer is {issuer}; the provider there calls itself {named}")
        for name in _NEEDED:
            if not self._safe(str(found_.get(name, ""))):
                raise LoginFault(f"the provider's description has no {name} with https")
        return found_

    def _key_set(self, *, fresh: bool) -> Any:
        from joserfc.jwk import KeySet

        with self._lock:
            known = self._keys
        age = self.clock() - known[0] if known else 0.0
        if known is None or age > _DESCRIBED_SECONDS or (fresh and age > _KEYS_SECONDS):
            known = self.clock(), self._get(self._description()["jwks_uri"], "keys")
            with self._lock:
                self._keys = known
        keys = [
            key
            for key in known[1].get("keys", ())
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") != "enc"
        ]
        return KeySet.import_key_set({"keys": keys})

    def _get(self, url: str, what: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = requests.get(url, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
            document = answer.json() if answer.status_code == requests.codes.ok else None
        except (requests.RequestException, ValueError):
            document = None
        if not isinstance(document, dict):
            raise LoginFault(f"the provider {self.declared.issuer} does not give its {what}; try again")
        return document

    def _safe(self, url: str) -> bool:
        """By https; on this machine, as the issuer then is, also without."""
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.scheme in ("https", urlsplit(self.declared.issuer).scheme)


def said(value: object) -> str:
    """What the provider said, as one short line."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())[:200]
