"""nginx with servers of a test's own."""

from tests.independent.servers import Servers


def start_nginx(servers: Servers, namespace: str, sites: str, port: int) -> None:
    """Start nginx in a namespace; `sites` are its `server` blocks, one of which listens on the port."""
    text = f"""\
user root;
daemon off;
master_process off;
pid {servers.folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  default_type text/html;
  {sites}
}}
"""
    path = servers.file("nginx.conf", text)
    argv = ["nginx", "-p", str(servers.folder), "-c", str(path)]
    servers.start(namespace, argv, ready=("127.0.0.1", port))


def site(servers: Servers, name: str, port: int, lines: str, *, is_default: bool = False) -> str:
    """Return the `server` block of a name behind TLS, with a certificate of its own."""
    certificate = servers.certificate(name)
    listen = f"0.0.0.0:{port} ssl{' default_server' if is_default else ''}"
    keys = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    return f"server {{ listen {listen}; server_name {name}; {keys} {lines} }}"
