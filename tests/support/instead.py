"""A program `tether` for scripts of a shell that lets a copy run its command; see `tests.support.preloaded`.

It hands over its arguments, its environment, its folder and its three streams, passes signals on, and ends as
the copy ends. It is a script that imports next to nothing, so that it starts in a fraction of the time.
"""

import sys
from functools import cache
from pathlib import Path

from tests.support.preloaded import find_door

_TETHER = Path(sys.executable).with_name("tether")
_SCRIPT = """#!{python} -ISE
import _json, _signal, _socket, os, sys

def ask():
    unusual = [name for name in os.environ if name.startswith(("PYTHON", "LC_", "LD_"))]
    try:
        folder = os.getcwd()
    except OSError:
        return None
    text = _json.encode_basestring_ascii
    words = ", ".join(map(text, sys.argv[1:]))
    environ = ", ".join(text(name) + ": " + text(value) for name, value in os.environ.items())
    mask = os.umask(0o77)
    os.umask(mask)
    form = '{{"arguments": [%s], "cwd": %s, "environ": {{%s}}, "umask": %d}}'
    asked = (form % (words, text(folder), environ, mask)).encode()
    fits = not unusual and os.environ.get("LANG") == "C.UTF-8" and len(asked) <= {most}
    return asked if fits else None

asked = ask()
if asked is None:
    os.execv({tether!r}, [{tether!r}, *sys.argv[1:]])
caller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
caller.connect({door!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
caller.sendmsg([asked], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
begun = caller.recv(4)
if not begun:
    sys.exit("the process of all copies has ended")
child = int.from_bytes(begun, "little")
for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM):
    if _signal.getsignal(number) != _signal.SIG_IGN:
        _signal.signal(number, lambda number, _: os.kill(child, number))
ended = caller.recv(4)
status = int.from_bytes(ended, "little", signed=True) if ended else 99
if status < 0:
    if -status != _signal.SIGKILL:
        _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""
_MOST = 60_000
"""Bytes of what may be asked; more than that is left to the program itself."""


@cache
def find_instead() -> Path:
    """Return the folder with that program, and with nothing else that anybody would run."""
    door = find_door()
    script = door.with_name("tether")
    script.write_text(_SCRIPT.format(python=sys.executable, tether=str(_TETHER), door=str(door), most=_MOST))
    script.chmod(0o755)
    return script.parent
