"""What every emulated registry is made of: listeners with faults, a record of requests, images, tokens.

A registry is one class in one file, imported lazily by `validator.emulator`:

    class Ghcr(Emulated):
        name, host = "ghcr", "ghcr.io"

        def __init__(self, *, clock=time.time, seed="validator") -> None:
            super().__init__(clock=clock, seed=seed)
            self.registry = self.listener("registry", self._registry)     # async (Call) -> web.Response
            self.api = self.listener("api", self._api)
            self.plant("good", "ghp_…")                                   # a secret by its name, for the record

        def settings(self) -> Settings: ...                               # the value of validator's `registries:`
        def truth(self, username, secret, repository=None) -> Truth: ...
        def refusal(self, call) -> web.Response: ...                      # how it refuses a login (used by the faults)

- `Call` is one request on its way: `kind` (none, basic, bearer, other), `username`, `secret`, `bearer`; a secret that
  came in a form is told by `call.present(username, secret)`; a refused login by `call.refused = True`.
- `listener.url("/token")` is absolute and reachable; `listener.authority` is `127.0.0.1:PORT`. Both only after `start`.
- `listener.switch(outage="502")` changes faults while it runs, `listener.switch(outage=None)` back, `listener.calm()`
  all back; `listener.switches` is the frozen `Switches` in force. Faults come before `answer` is asked.
- `emulated.requests` is the record (`Request`: never a secret, only its planted name), `emulated.count(status=401)`;
  `await emulated.until(2, listener="api")` waits for requests.
- `make_image()` gives an `Image`; `image.choose(reference, accept)` the `Document` to serve, `document.response()` serves;
  `find_document(tags, part, reference, accept)` does so for a repository's tags, manifests and config blobs.
- `make_jwt(claims)`, `read_jwt(token)`; `letters(seed, length, alphabet)` makes the same text from the same seed for ever.

It knows no test case and no verdict, and imports nothing of `validator.protocol`.
"""

from validator.emulator.base.image import ACCEPT_ALL, OCI_INDEX, OCI_MANIFEST, Document, Image, find_document, make_image, nested_index
from validator.emulator.base.listener import Call, Listener, Request, Switches, answer_json, read_basic
from validator.emulator.base.registry import Emulated, Planted, Settings, Truth
from validator.emulator.base.token import ALNUM, BASE64URL, HEX, letters, make_jwt, read_jwt

__all__ = [
    "ACCEPT_ALL",
    "ALNUM",
    "BASE64URL",
    "HEX",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "Call",
    "Document",
    "Emulated",
    "Image",
    "Listener",
    "Planted",
    "Request",
    "Settings",
    "Switches",
    "Truth",
    "answer_json",
    "find_document",
    "letters",
    "make_image",
    "make_jwt",
    "nested_index",
    "read_basic",
    "read_jwt",
]
