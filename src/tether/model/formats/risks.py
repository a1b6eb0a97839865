"""Which names in a pickle are harmless, which are dangerous, and which nobody can tell.

Loading a pickle calls what it names. Names that only put numbers and containers together are *known*. Names
that can run commands, reach files or the network, or call whatever they are given are *dangerous*. All
others are *unknown*: code of some library runs, with arguments that the file chose.
"""

import re

from tether.model.facts import Risk

_KNOWN = re.compile(
    r"collections\.(OrderedDict|defaultdict|deque|Counter)"
    r"|(builtins|__builtin__)\.(set|frozenset|list|dict|tuple|int|long|float|complex|bytes|bytearray|str|unicode"
    r"|bool|slice|range|xrange|object|NoneType|Ellipsis)"
    r"|copyreg\._reconstructor|copy_reg\._reconstructor|_codecs\.encode"
    r"|datetime\.(date|datetime|time|timedelta|timezone)|decimal\.Decimal|fractions\.Fraction|uuid\.UUID"
    r"|pathlib\.(Pure)?(Posix|Windows)?Path|argparse\.Namespace"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state|qtensor|sparse_tensor)"
    r"|torch\._tensor\._rebuild_from_type_v2|torch\.(\w+Storage|Size|device|Tensor|layout|dtype|Generator)"
    r"|torch\.(float|bfloat|int|uint|complex|quint|qint)\w*|torch\.(half|double|long|short|bool)"
    r"|torch\.storage\.(Typed|Untyped)Storage|torch\.nn\.parameter\.Parameter|torch\.serialization\._get_layout"
    r"|numpy\.(ndarray|dtype|float\d+|int\d+|uint\d+|bool_?|complex\d+)|numpy\.dtypes\.\w+"
    r"|numpy\.(core|_core)\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)"
    r"|numpy\.random\.(_pickle\.__\w+_ctor|_mt19937\.MT19937|mtrand\.RandomState)"
    r"|joblib\.numpy_pickle\.(NumpyArrayWrapper|NDArrayWrapper)"
)
_MODULES = """
os posix nt posixpath ntpath subprocess commands popen2 sys shutil socket socketserver select ssl
importlib imp runpy pkgutil zipimport pty tty ctypes _ctypes cffi pickle _pickle cPickle marshal shelve
code codeop types inspect gc timeit cProfile profile pdb bdb trace doctest unittest webbrowser http
urllib urllib2 urllib3 requests aiohttp httpx ftplib smtplib imaplib poplib telnetlib nntplib xmlrpc
asyncio multiprocessing concurrent threading _thread thread signal mmap tempfile glob fileinput io _io
builtins __builtin__ operator _operator pip setuptools distutils ensurepip venv pydoc platform idlelib
lib2to3 dill cloudpickle joblib sqlite3 linecache logging atexit site sysconfig getpass pwd resource
faulthandler tracemalloc readline rlcompleter cmd test antigravity turtle ast copyreg copy_reg
"""
_DANGEROUS_MODULES = frozenset(_MODULES.split())
_DANGEROUS = re.compile(
    r"torch\.(load|save|hub|jit|package|serialization|_dynamo|_inductor|distributed|multiprocessing|ops"
    r"|compile|classes)\b.*"
    r"|torch\.storage\._load_from_bytes"
    r"|numpy\.(f2py|testing|distutils|load|save|fromfile|memmap|loadtxt|genfromtxt|vectorize|ctypeslib|lib)\b.*"
    r"|(pandas|polars)\.(read_pickle|eval|io)\b.*|keras\..*\b(Lambda|deserialize|load_model)\b.*"
)


def risk_of(module: str, name: str) -> Risk:
    """Return how dangerous it is that a pickle looks up `name` in `module`."""
    text = f"{module}.{name}"
    if _KNOWN.fullmatch(text):
        return "known"
    top = module.partition(".")[0]
    if not _plain(module, name) or top in _DANGEROUS_MODULES or _DANGEROUS.fullmatch(text):
        return "dangerous"
    return "unknown"


def _plain(module: str, name: str) -> bool:
    """Return whether these are names as libraries have them, not a way through a module to another."""
    parts = [*module.split("."), *name.split(".")]
    through = name.split(".")[:-1]
    return (
        all(re.fullmatch(r"[^\W\d]\w*", part) for part in parts)
        and not any(part[0].islower() or part[0] == "_" for part in through)
        and "__" not in name
    )
