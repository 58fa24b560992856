"""
The floors: the least that anybody would have to do.

`python benchmarks/floors.py parse FOLDER` loads every YAML file below FOLDER; `fetch URL KEY SECRET` asks for the same
pages of the same lists as a plan does. Both print how many things they saw.
"""

from __future__ import annotations

import sys


def parse(folder: str) -> int:
    """Load every document with the C loader; it is held until the next file, as a plan holds all of them."""
    from pathlib import Path  # noqa: PLC0415 - a floor loads what it needs and nothing else

    import yaml  # noqa: PLC0415 - as above

    documents = []
    for file in sorted(Path(folder).rglob("*.yaml")):
        with file.open("rb") as stream:
            documents += list(yaml.load_all(stream, Loader=yaml.CSafeLoader))
    return len(documents)


def fetch(url: str, key: str, secret: str) -> int:
    """Log in and walk both lists, one page after the other, over one connection."""
    import json  # noqa: PLC0415 - as above
    from urllib.parse import urlencode, urlsplit  # noqa: PLC0415 - as above

    import urllib3  # noqa: PLC0415 - as above

    parts = urlsplit(url)
    assert parts.hostname is not None
    rows: list[object] = []
    with urllib3.HTTPConnectionPool(parts.hostname, parts.port) as pool:
        body = json.dumps({"type": "api-key", "key": key, "secret": secret}).encode()
        session = pool.request(
            "POST", f"{parts.path}/sessions", body=body, headers={"Content-Type": "application/json"}
        )
        headers = {"Authorization": f"Bearer {json.loads(session.data)['access_token']}"}
        for route in ("/exports/configs", "/exports/destinations"):
            found: list[object] = []
            while True:
                query = [
                    ("organization_id", "example-org"),
                    ("$limit", "50"),
                    ("$skip", str(len(found))),
                    ("$sort[created_at]", "1"),
                ]
                answer = pool.request("GET", f"{parts.path}{route}?{urlencode(query)}", headers=headers)
                page = json.loads(answer.data)
                found += page["data"]
                if len(found) >= page["total"]:
                    break
            rows += found
    return len(rows)


if __name__ == "__main__":
    print(parse(sys.argv[2]) if sys.argv[1] == "parse" else fetch(*sys.argv[2:]))
