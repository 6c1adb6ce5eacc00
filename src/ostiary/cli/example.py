"""The file that `ostiary config init` writes."""

from __future__ import annotations

EXAMPLE = """\
_format_version: "3.0"

services:
  - name: my-service
    url: http://localhost:9000
    routes:
      - name: my-route
        paths: [/my-route]
        plugins:
          - name: openid-connect
            config:
              # The issuer, or its discovery URL.
              issuer: https://cognito-idp.REGION.amazonaws.com/USER-POOL-ID
              client_id: [YOUR-CLIENT-ID]
              # client_secret: [YOUR-CLIENT-SECRET]
              #
              # Register this redirect URI at the provider:
              #   https://YOUR-HOST/my-route
"""
