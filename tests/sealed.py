"""Model files whose hash is right whatever they hold."""

import hashlib
import json


def sealed(plain: dict) -> str:
    """The text of a model file with the hash of what it holds."""
    rest = {name: value for name, value in plain.items() if name != "id"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return json.dumps({**rest, "id": hashlib.sha256(canonical.encode()).hexdigest()})
