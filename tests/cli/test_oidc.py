"""`tether login --oidc` against a hub and a provider in processes of their own."""

import subprocess
from urllib.parse import urlsplit

from tests.support.cli import TETHER, Room
from tests.support.oidc import consent, fetch, free_port, provider_process, shown
from tests.support.served import Served


def login(room: Room, url: str, *options: str) -> str:
    """Sign in as ada at the provider, with a browser, and return what the command prints."""
    command = [str(TETHER), "login", url, "--oidc", "work", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=room.work, env=room.environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stderr is not None
        assert "open this address" in process.stderr.readline()
        begun = fetch(process.stderr.readline().strip())
        back = consent(begun.headers["location"], "s-ada")
        assert urlsplit(back).netloc == urlsplit(url).netloc
        cookie = begun.headers["set-cookie"].partition(";")[0]
        page = fetch(back, headers={"cookie": cookie})
        out, err = process.communicate(shown(page) + "\n", timeout=60)
        assert process.returncode == 0, err
    return out


def test_signing_in_with_a_browser(room: Room) -> None:
    """The address works in any browser; its code, given to the command, signs in."""
    del room.environ["TETHER_DATE"]  # the provider lives today
    room.ok("hub", "user", "add", "-q", "grace", "--root", "hub")
    token = room.ok("hub", "token", "create", "grace", "--root", "hub", "--scope", "admin").strip()
    port = free_port()
    with provider_process() as issuer:
        text = f'public_url = "http://127.0.0.1:{port}"\nsignup = "open"\n'
        text += f'[oidc.work]\nissuer = "{issuer}"\nclient_id = "hub"\nclient_secret = "s"\n'
        (room.work / "hub/hub.toml").write_text(text)
        served = Served(room, "--port", str(port))
        url = served.url
        try:
            room.transcript(f"""
                $ tether login {url} --oidc other
                error: no provider other on {url}
                hint: it has work
                [2]
                $ tether login {url} --link
                error: --link is for --oidc
                hint: add --oidc PROVIDER
                [2]
            """)
            assert login(room, url) == f"signed in to {url} as ada\n"
            assert room.ok("whoami", url) == f"ada at {url}\n"
            assert login(room, url, "--user", "unused") == f"signed in to {url} as ada\n"
            room.ok("login", url, "--token-stdin", stdin=token.encode())
            assert room.ok("whoami", url) == f"grace at {url}\n"
        finally:
            code, log = served.stop()
        assert code == 0
        assert "tth_" not in log
