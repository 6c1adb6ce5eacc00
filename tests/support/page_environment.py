"""The variables of the page's command that starts the gateway, as they stand there."""

from __future__ import annotations

SEED = {
    "KONG_DATABASE": "postgres",
    "KONG_PG_HOST": "kong-ee-database",
    "KONG_CASSANDRA_CONTACT_POINTS": "kong-ee-database",
    "KONG_PROXY_ACCESS_LOG": "/dev/stdout",
    "KONG_ADMIN_ACCESS_LOG": "/dev/stdout",
    "KONG_PROXY_ERROR_LOG": "/dev/stderr",
    "KONG_ADMIN_ERROR_LOG": "/dev/stderr",
    "KONG_ADMIN_LISTEN": "0.0.0.0:8001 , 0.0.0.0:8444 ssl",
    "KONG_PORTAL": "on",
    "KONG_ENFORCE_RBAC": "off",
    "KONG_ADMIN_GUI_URL": "http://kong-ee:8002",
    "KONG_AUDIT_LOG": "on",
    "KONG_PORTAL_GUI_PROTOCOL": "https",
    "KONG_PORTAL_GUI_HOST": "kong-ee:8446",
    "KONG_LICENSE_DATA": '{"license":{"payload":"planted"}}',
}
