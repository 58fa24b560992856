"""
The floors: the least that anybody would have to do.

`python benchmarks/floors.py parse FOLDER` loads every YAML file below FOLDER; `fetch VENDOR URL KEY SECRET` asks for
the same pages of the same lists as a plan does. Both print as JSON how many things they saw.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

Pairs: TypeAlias = list[tuple[str, str]]

_FLOW = "/data/foundation/flowservice"
_LAKE = "23598e46-f560-407b-88d5-ea6207e49db0"
# Connection specs and flow specs of the six destinations: a list is filtered by them.
_SPECS = (
    "4fce964d-3f37-408f-9778-e597338a21ee,6d6b59bf-fb58-4107-9064-4d246c0e5bb2,be2c3209-53bc-47e7-ab25-145db8b873e1,"
    "10440537-2a7b-4583-ac39-ed38d4b848e8,c5d93acb-ea8b-4b14-8f53-02138444ae99,36965a81-b1c6-401b-99f8-22508f1e6a26"
)
_FLOWS = (
    "269ba276-16fc-47db-92b0-c1049a3c131f,95bd8965-fc8a-4119-b9c3-944c2c2df6d2,17be2013-2549-41ce-96e7-a70363bec293,"
    "cd2fc47e-e838-4f38-a581-8fff2f99b63a,585c15c4-6cbf-4126-8f87-e26bff78b657,354d6aad-4754-46e4-a576-1b384561c440"
)


def parse(folder: str) -> dict[str, int]:
    """Load every document with the C loader; it is held until the next file, as a plan holds all of them."""
    from pathlib import Path  # noqa: PLC0415 - a floor loads what it needs and nothing else

    import yaml  # noqa: PLC0415 - as above

    documents = []
    for file in sorted(Path(folder).rglob("*.yaml")):
        with file.open("rb") as stream:
            documents += list(yaml.load_all(stream, Loader=yaml.CSafeLoader))
    return {"documents": len(documents)}


def fetch(vendor: str, url: str, key: str, secret: str) -> dict[str, int]:
    """Log in and walk every list, one page after the other, over one connection."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - as above

    import urllib3  # noqa: PLC0415 - as above

    parts = urlsplit(url)
    assert parts.hostname is not None
    with urllib3.HTTPConnectionPool(parts.hostname, parts.port) as pool:
        return (_adobe if vendor == "adobe" else _didomi)(pool, parts.path, key, secret)


def _didomi(pool: HTTPConnectionPool, path: str, key: str, secret: str) -> dict[str, int]:
    body = json.dumps({"type": "api-key", "key": key, "secret": secret}).encode()
    session = pool.request("POST", f"{path}/sessions", body=body, headers={"Content-Type": "application/json"})
    headers = {"Authorization": f"Bearer {json.loads(session.data)['access_token']}"}
    rows: list[object] = []
    for route in ("/exports/configs", "/exports/destinations"):
        found: list[object] = []
        while True:
            query = [
                ("organization_id", "example-org"),
                ("$limit", "50"),
                ("$skip", str(len(found))),
                ("$sort[created_at]", "1"),
            ]
            page = _page(pool, f"{path}{route}", query, headers)
            found += page["data"]
            if len(found) >= page["total"]:
                break
        rows += found
    return {"objects": len(rows)}


def _adobe(pool: HTTPConnectionPool, path: str, key: str, secret: str) -> dict[str, int]:
    """Four lists by continuation token, and the datasets by offset; also says what a budget of requests is made of."""
    scopes = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"
    fields = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret, "scope": scopes}
    token = pool.request("POST", f"{path}/ims/token/v3", fields=fields, encode_multipart=False)
    headers = {
        "Authorization": f"Bearer {json.loads(token.data)['access_token']}",
        "x-api-key": key,
        "x-gw-ims-org-id": "EXAMPLE@AdobeOrg",
        "x-sandbox-name": "prod",
    }
    lists = {
        "connections": f"connectionSpec.id=={_SPECS}",
        "sourceConnections": f"connectionSpec.id=={_LAKE}",
        "targetConnections": f"connectionSpec.id=={_SPECS}",
        "flows": f"flowSpec.id=={_FLOWS}",
    }
    rows = {name: list(_followed(pool, f"{path}{_FLOW}/{name}", kept, headers)) for name, kept in lists.items()}
    datasets: list[object] = []
    while True:
        query = [
            ("outputType", "activationDatasets"),
            ("outputField", "datasets"),
            ("start", str(len(datasets))),
            ("limit", "100"),
            ("properties", "name,state"),
        ]
        page = _page(pool, f"{path}{_FLOW}/connectionSpecs/{_LAKE}/configs", query, headers)
        datasets += page["items"]
        if not page["pageInfo"]["hasNext"]:
            break
    return {
        "objects": sum(map(len, rows.values())),
        "datasets": len(datasets),
        "specs": len({row["connectionSpec"]["id"] for row in rows["connections"]}),
        "kinds": len(rows),
    }


def _followed(pool: HTTPConnectionPool, path: str, kept: str, headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    from urllib.parse import parse_qs, urlsplit  # noqa: PLC0415 - as above

    query = [("property", kept), ("limit", "100")]
    following: Pairs = []
    while True:
        page = _page(pool, path, query + following, headers)
        yield from page["items"]
        if not page["_links"]:
            return
        href = page["_links"]["next"]["href"]
        following = [("continuationToken", parse_qs(urlsplit(href).query)["continuationToken"][0])]


def _page(pool: HTTPConnectionPool, path: str, query: Pairs, headers: Mapping[str, str]) -> dict[str, Any]:
    from urllib.parse import urlencode  # noqa: PLC0415 - as above

    page: dict[str, Any] = json.loads(pool.request("GET", f"{path}?{urlencode(query)}", headers=headers).data)
    return page


if __name__ == "__main__":
    print(json.dumps(parse(sys.argv[2]) if sys.argv[1] == "parse" else fetch(*sys.argv[2:])))
