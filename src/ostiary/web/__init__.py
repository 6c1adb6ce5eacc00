"""Starlette glue that the sites share: forms, CSRF, security headers, problem replies."""
