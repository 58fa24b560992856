"""What every file of a Didomi batch export must hold, as a contract that `deliveries` can check."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from reconciler.deliveries import (
    AlwaysNull,
    Contract,
    Disjoint,
    Distinct,
    Filled,
    Format,
    Level,
    NotEarlier,
    OneOf,
    Rule,
    SameAs,
    SharesOne,
    Unique,
)

# Keys are letters as in the reference: D documented, U undocumented and assumed, X contradictory.
_CONSENTS = ("user.consents", "events[].consents")


def export_contract(
    *,
    guests: bool = False,
    one_record_per_user: Level | None = None,
    organization: str | None = None,
    strict: bool = False,
    examples: int = 5,
    show_values: bool = False,
) -> Contract:
    """
    The contract of export records: a user with its events, in the v1 or the v2 shape of the Consents API.

    `guests`: the organization has asked for users without an `organization_user_id`, who are left out by default.
    `one_record_per_user`: how bad it is that two records share one `organization_user_id`; None does not look.
    `organization`: whose records these must be. `strict` reports keys that nobody has documented, as information.
    """
    rules: list[Rule] = [*_ALWAYS]
    if not guests:
        # "Only users with an organization user id by default"; guests on request (Batch export, Exported data; D).
        rules.append(Filled(name="guest-exported", path="user.organization_user_id"))
    if organization is not None:
        rules.append(OneOf(name="other-organization", path="user.organization_id", values=(organization,)))
    # One line per user and run is assumed (U), so a second one is a warning.
    unique = [Unique(name="repeated-user", path="user.id", over="delivery")]
    if one_record_per_user is not None:
        # Several records may share one id; a change announced on 30 September 2026 ends that for organizations that
        # activate it (Users; Releases; D), so it is asked for and not assumed.
        unique.append(
            Unique(
                name="repeated-organization-user",
                path="user.organization_user_id",
                over="delivery",
                level=one_record_per_user,
            )
        )
    return Contract(
        name="Didomi export record",
        # Gzip NDJSON, one line per user (Batch export; D). The check reads it unpacked too.
        format=Format.NDJSON,
        schema=export_schema(),
        rules=tuple(rules),
        unique=tuple(unique),
        unknown_keys=Level.INFORMATION if strict else None,
        examples=examples,
        show_values=show_values,
    )


@cache
def export_schema() -> str:
    """The JSON Schema of one record, as text; open, since Didomi adds keys without notice (additive policy, U)."""
    return (files(__package__) / "schemas" / "export-record.json").read_text(encoding="utf-8")


# Sanity checks of the Consents object (reference §6.5); that Didomi itself keeps them is not documented (U).
_ALWAYS: tuple[Rule, ...] = (
    *(
        Disjoint(
            name="vendor-enabled-and-disabled", path=f"{path}.vendors", left=f"enabled{basis}", right=f"disabled{basis}"
        )
        for path in _CONSENTS
        for basis in ("", "_li")
    ),
    *(Distinct(name="repeated-purpose", path=f"{path}.purposes[].id") for path in _CONSENTS),
    # "id: unique event id" (Batch export content; D).
    Distinct(name="repeated-event", path="events[].id"),
    *(
        NotEarlier(name="updated-before-created", path=path, earlier="created_at", later="updated_at")
        for path in ("user", "events[]")
    ),
    # Records of one organization user id are brought together, so an event may come from another device (D, Users).
    SharesOne(name="event-of-other-user", path="events[].user", other="user", keys=("id", "organization_user_id")),
    # Not documented, though nothing else makes sense (U): a warning.
    SameAs(
        name="event-of-other-organization",
        path="events[].organization_id",
        other="user.organization_id",
        level=Level.WARNING,
    ),
    # "Always null for user" (Batch export content; D). What is added one day is no failure, so a warning.
    *(
        AlwaysNull(name="user-key-not-null", path=f"user.{key}", level=Level.WARNING)
        for key in ("proofs_id", "source", "status")
    ),
)
