"""An OpenID Connect provider on loopback: codes once, PKCE, tokens signed with RSA. It may be told to lie."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "signalbox", "s3cret of the client"


@dataclass
class StandIn:
    """What it says, and what it was asked. Change the fields to have it say something else."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    signs_with: RSAKey | None = None
    """Another key than the one that it shows."""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "u1", "preferred_username": "ann"})
    lies: dict[str, Any] = field(default_factory=dict[str, Any])
    """Claims of the ID token beside, or in place of, the true ones; None takes one away."""
    describes: dict[str, Any] = field(default_factory=dict[str, Any])
    """What its description says otherwise."""
    elsewhere: dict[str, Any] | None = None
    """What the userinfo endpoint says; None: there is none."""
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def description(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        if self.elsewhere is not None:
            found["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return {**found, **self.describes}

    def authorize(self, given: dict[str, str]) -> str:
        """Whoever comes is logged in, and sent back with a code."""
        self.asked.append(given)
        code = secrets.token_urlsafe(16)
        self.codes[code] = given
        return f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"

    def redeem(self, given: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {wanted}":
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(given.get("code", ""), None)
        fits = (
            asked is not None
            and asked["redirect_uri"] == given.get("redirect_uri")
            and asked["code_challenge_method"] == "S256"
            and create_s256_code_challenge(given.get("code_verifier", "")) == asked["code_challenge"]
        )
        if asked is None or not fits:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {**claims, **self.person, **self.lies}
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signs_with or self.key
        token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        return 200, {"access_token": "of-" + self.person["sub"], "token_type": "Bearer", "id_token": token}


@contextmanager
def provider() -> Iterator[StandIn]:
    """A fresh one, with an address of its own."""
    found = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(url.query).items()}
            match url.path:
                case "/.well-known/openid-configuration":
                    self._say(200, found.description())
                case "/keys":
                    self._say(200, KeySet([found.key]).as_dict(private=False))
                case "/userinfo" if self.headers["Authorization"] == f"Bearer of-{found.person['sub']}":
                    self._say(200, found.elsewhere or {})
                case "/authorize":
                    self.send_response(302)
                    self.send_header("Location", found.authorize(given))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                case "/end":
                    self._say(200, {"ended": True})
                case _:
                    self._say(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*found.redeem(given, self.headers["Authorization"]))

        def _say(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
