"""Logging in at an OpenID Connect provider: what is asked, what its answer proves, the login."""
