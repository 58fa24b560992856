"""The world a fresh emulator starts with: two datasets, one token user, two buckets."""

from reconciler.emulator import JsonObject

ORDERS = "c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10"
CUSTOMERS = "8f0d6c1e-2b7a-4d39-9c55-1e6a70b4d2f3"
TOKEN = "example-token-7731"  # noqa: S105 - invented
USER = 1001

USERS: tuple[JsonObject, ...] = (
    {
        "id": USER,
        "displayName": "Export Service",
        "emailAddress": "export-service@example.org",
        "role": "Privileged",
        "authorities": ["dataset.export", "accesstoken.admin"],
    },
)
BUCKETS: tuple[JsonObject, ...] = (
    {"id": "example-lake", "region": "eu-west-3"},
    {"id": "example-lake-us", "region": "us-east-1"},
)

_REGIONS = ("North", "West", "South", "East")


def datasets() -> tuple[JsonObject, ...]:
    """The example datasets, as the console takes them."""
    return (
        {
            "id": ORDERS,
            "name": "orders_daily",
            "owner": str(USER),
            "columns": [
                {"name": "order_id", "type": "LONG"},
                {"name": "customer_id", "type": "LONG"},
                {"name": "region", "type": "STRING"},
                {"name": "amount", "type": "DOUBLE"},
                {"name": "ordered_on", "type": "DATE"},
                {"name": "shipped_at", "type": "DATETIME"},
            ],
            "rows": [_order(number) for number in range(1, 25)],
        },
        {
            "id": CUSTOMERS,
            "name": "customers",
            "owner": str(USER),
            "columns": [
                {"name": "customer_id", "type": "LONG"},
                {"name": "name", "type": "STRING"},
                {"name": "city", "type": "STRING"},
                {"name": "discount", "type": "DECIMAL"},
            ],
            "rows": [
                [1, "Example Bakery", "Lyon", "0.05"],
                [2, 'Example "Corner" Shop', "Turin", None],
                [3, "Example, Sons", "", "0.10"],
                [4, "Exämple Größe", "Köln", "0.00"],
                [5, "Example\nTwo Lines", "Graz", None],
            ],
        },
    )


def _order(number: int) -> list[object]:
    day = 1 + number % 28
    # Every sixth order has not been shipped yet.
    shipped = None if number % 6 == 0 else f"2026-01-{day:02d}T{number % 24:02d}:30:00"
    return [number, 1 + number % 5, _REGIONS[number % 4], number * 12.5, f"2026-01-{day:02d}", shipped]
