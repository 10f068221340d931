"""The key that signs checkpoints: Ed25519, in a file of the state folder that only its user may read.

It is outside the database on purpose: whoever can rewrite the table cannot sign for it.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "signing.key"


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key. `public` is its public half, 64 hexadecimal digits."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """What others need to check signatures of this key."""
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, data: bytes) -> str:
        """The signature of `data`, in hexadecimal."""
        return self.private.sign(data).hex()


def signing_key(folder: Path) -> SigningKey:
    """The key in `folder`, made when there is none. Two makers end with the same one.

    Raises SignalboxError for a file that holds no key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file = folder / KEY_FILE
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = folder / f".{KEY_FILE}.{uuid.uuid4().hex}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(Ed25519PrivateKey.generate().private_bytes_raw().hex().encode() + b"\n")
            written.flush()
            os.fsync(written.fileno())
        try:
            # A link fails where a rename would replace the key that somebody else has just made.
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink(missing_ok=True)
    try:
        raw = bytes.fromhex(file.read_text(encoding="ascii").strip())
        return SigningKey(Ed25519PrivateKey.from_private_bytes(raw))
    except (ValueError, UnicodeDecodeError) as error:
        raise SignalboxError(
            f"{file}: holds no Ed25519 key; put the right one back, or move it away to begin a new one"
        ) from error


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Whether `signature` is that of `data` by the key with this public half."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True
