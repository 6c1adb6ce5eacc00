"""The OAuth and OpenID Connect debugger: each step with its request, its reply and every check."""
