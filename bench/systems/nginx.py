"""nginx: the upstream of every row, and the plain reverse proxy that ratios are made with."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.people import build_request
from bench.processes import Children, free_port, read_version
from bench.rows import SIZES, Row, Stage, always

PACKAGES = ("nginx-light",)
BASE = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
worker_rlimit_nofile 32768;
http {{ access_log off; default_type text/plain;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 100000000; keepalive_timeout 3600s; {inside} }}
"""
UPSTREAM = """
  sendfile on; tcp_nopush on; open_file_cache max=16 inactive=3600s; open_file_cache_valid 3600s;
  large_client_header_buffers 8 32k;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/files; }}
"""
PROXY = """
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ proxy_pass http://up; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; }} }}
"""


def find_binary() -> str | None:
    """Where nginx is."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")


def missing() -> tuple[str, ...]:
    """The Debian packages that are needed and not there."""
    return () if find_binary() else PACKAGES


def _write(folder: Path, inside: str) -> Path:
    folder.mkdir(mode=0o711)
    path = folder / "nginx.conf"
    path.write_text(BASE.format(folder=folder, inside=inside))
    return path


def start_upstream(run_folder: Path, children: Children, *, big_bytes: int = 0) -> int:
    """Start the upstream (`/64`, `/16k`, and `/big` when it has a length); its port."""

    folder, port = run_folder / "upstream", free_port()
    path = _write(folder, UPSTREAM.format(folder=folder, port=port))
    (folder / "files").mkdir(mode=0o755)
    for size, name in SIZES.items():
        (folder / "files" / name.strip("/")).write_bytes(b"x" * size)
    if big_bytes:
        with (folder / "files" / "big").open("wb") as file:
            file.truncate(big_bytes)
    binary = find_binary()
    assert binary is not None
    process = children.start("upstream", binary, "-c", str(path), "-p", str(folder))
    children.wait_for(process, port)
    return port


def start(stage: Stage) -> list[Row]:
    """Start the plain reverse proxy; its rows."""
    folder, plain, tls = stage.folder / "nginx", free_port(), free_port()
    inside = PROXY.format(
        upstream=stage.upstream_port, plain=plain, tls=tls,
        certificate=stage.certificate, key=stage.key,
    )  # fmt: skip
    binary = find_binary()
    assert binary is not None
    process = stage.children.start(
        "nginx", binary, "-c", str(_write(folder, inside)), "-p", str(folder)
    )
    stage.children.wait_for(process, plain, tls)
    version = read_version([binary, "-v"], r"nginx/(\S+)")
    return [
        Row(
            system="nginx",
            version=version,
            case="plain",
            target=target,
            root=process.pid,
            requests=always(build_request(SIZES[target.reply_bytes])),
        )
        for target in stage.targets(plain, tls)
    ]
