"""The rules of OAuth 2.0 and OpenID Connect, without I/O."""
