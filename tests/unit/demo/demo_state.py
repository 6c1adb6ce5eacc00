"""A demo's state to test with."""

from __future__ import annotations

from ostiary.cli.demo.values import DemoState

POOL = "ap-southeast-1_ie577myCv"
GATEWAY = "https://kong-ee.localhost:8443"
STATE = DemoState(
    ca_file="/srv/a demo/trust/ca.pem",
    proxy_url="http://kong-ee.localhost:8000",
    proxy_tls_url=GATEWAY,
    admin_url="http://127.0.0.1:8001",
    userpool_url="http://127.0.0.1:9229",
    userpool_tls_url="https://cognito-idp.localhost:9443",
    hosted_ui_url="https://kongdemo.auth.localhost:9443",
    issuer=f"https://cognito-idp.localhost:9443/{POOL}",
    user_pool_id=POOL,
    client_id="1pf00c5or942c2hm37mgv0u509",
    mailbox_url="http://127.0.0.1:8025",
    upstream_url="http://127.0.0.1:9080",
    pids=(11, 12),
    pool_name="test-pool",
    client_name="kong-api",
    region="ap-southeast-1",
    domain="kongdemo",
    callback_urls=("https://kong-ee.localhost:8446/default", f"{GATEWAY}/cognito"),
    sign_out_url=f"{GATEWAY}/members",
    protected_url=f"{GATEWAY}/cognito/anything",
    second_url=f"{GATEWAY}/members/anything",
    logout_url=f"{GATEWAY}/members?logout=true",
    landing_url="http://127.0.0.1:8080",
    portal_url="https://kong-ee.localhost:8446/default",
    portal_api_url="https://kong-ee.localhost:8447/default",
    manager_url="http://127.0.0.1:8002",
    debugger_url="http://localhost:8090",
    admin_email="admin@example.org",
)
