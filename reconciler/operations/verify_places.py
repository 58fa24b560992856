"""Looking at the places where deliveries lie: how to get in, what is there, who else may read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from reconciler.deliveries import (
    Access,
    AzureAccess,
    AzureLocation,
    Delivered,
    GcsAccess,
    GcsLocation,
    LocalFolder,
    Location,
    NotALocation,
    Place,
    Posture,
    S3Access,
    S3Location,
    SftpAccess,
    SftpLocation,
    Source,
    SourceError,
    open_source,
    parse_location,
    read_small,
)
from reconciler.operations.failures import Failure, Invalid
from reconciler.specs import DeliveryPlaceFile, secret_of
from reconciler.values import Address, Expectation, Lying, LyingFile, Problem, Recognition, Secret, Trouble

Manifested = Callable[[Expectation, str, bytes], Expectation]
"""What a session makes of an expectation and a manifest of its files; raises `ValueError` with a sentence."""

_RENAMED = {"role": "role_arn"}
_MANIFEST = "manifest"
"""The trouble with a manifest of files that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What lies at a place for one expectation; `expectation` also knows what a manifest of files has said."""

    expectation: Expectation
    lying: Lying | None
    place: Place | None = None


def place_of(
    expectation: Expectation,
    given: object | None,
    entries: Sequence[DeliveryPlaceFile],
    reveal: Callable[[Secret], str],
) -> Place | None:
    """
    The place of an expectation with the access that vendor and project together say; `None` when nobody knows it.

    Of the project's entries the first that fits counts, and wins over what the vendor says. Raises `Invalid` for a
    setting that means nothing there, and `SecretUnavailable`.
    """
    if expectation.place is None:
        return None
    try:
        location = parse_location(expectation.place)
    except NotALocation as error:
        raise Failure(
            f"the vendor names a place of `{expectation.address}` that cannot be understood: {error}"
        ) from None
    entry = next((each for each in entries if each.fits(expectation.address, expectation.place)), None)
    return Place(location=location, access=_access(location, given, entry, expectation.address, reveal))


def _access(
    location: Location,
    given: object | None,
    entry: DeliveryPlaceFile | None,
    address: Address,
    reveal: Callable[[Secret], str],
) -> Access | None:
    kind, scheme = _kind_of(location)
    base = given if kind is not None and isinstance(given, kind) else None
    if entry is None or kind is None:
        return base
    strange = entry.strange_at(scheme)
    if strange is not None:
        problem = Problem(
            code="invalid-value",
            message=f"`deliveries` matches `{address}` and sets `{strange}`, which means nothing at `{scheme}://`",
            address=address,
            help=f"remove it from the entry `{entry.match}`, or match only places where it has a meaning",
        )
        raise Invalid("the project file cannot be used", (problem,))
    words: dict[str, Any] = {}
    for name in sorted(entry.model_fields_set - {"match"}):
        value = getattr(entry, name)
        secret = secret_of(dict(value)) if isinstance(value, Mapping) else None
        if value is not None:
            words[_RENAMED.get(name, name)] = reveal(secret) if secret is not None else value
    if base is not None:
        return replace(base, **words)
    if kind is SftpAccess and "user" not in words:
        return None
    return kind(**words)


def _kind_of(location: Location) -> tuple[type[S3Access | GcsAccess | AzureAccess | SftpAccess] | None, str]:
    match location:
        case S3Location():
            return S3Access, "s3"
        case GcsLocation():
            return GcsAccess, "gs"
        case AzureLocation():
            return AzureAccess, "az"
        case SftpLocation():
            return SftpAccess, "sftp"
        case LocalFolder():
            return None, "file"
        case _:
            assert_never(location)


def look(place: Place, expectations: Iterable[Expectation], manifested: Manifested) -> Iterator[Stock]:
    """
    What lies at one place for each expectation. Its posture is asked for once.

    Trouble of the place is a part of the answer; raises `Failure` only where the program lacks a library.
    """
    posture: tuple[tuple[str, ...] | None, tuple[str, ...]] | None = None
    try:
        opened = open_source(place.location, place.access)
    except SourceError as error:
        trouble = _trouble(error)
        yield from (Stock(expectation=each, lying=Lying(trouble=trouble), place=place) for each in expectations)
        return
    with opened as source:
        for each in expectations:
            stock = _looked(source, place, each, manifested)
            lying = stock.lying
            if each.private and lying is not None and lying.trouble is None:
                posture = posture or _posture(source)
                stock = replace(stock, lying=replace(lying, exposed=posture[0], unsure=posture[1]))
            yield stock


def _looked(source: Source, place: Place, expectation: Expectation, manifested: Manifested) -> Stock:
    recognition = expectation.recognition
    try:
        found = list(source.list(recognition.prefix))
        manifests = [
            each
            for each in found
            if recognition.manifest is not None and re.fullmatch(recognition.manifest, _rest(each, recognition))
        ]
        for each in manifests:
            try:
                expectation = manifested(expectation, _rest(each, recognition), read_small(source, each.key))
            except ValueError as error:
                trouble = Trouble(
                    code=_MANIFEST,
                    where=source.where(each.key),
                    reason=str(error),
                    help="compare it with what the vendor documents; the files were not looked at",
                )
                return Stock(expectation=expectation, lying=Lying(trouble=trouble), place=place)
    except SourceError as error:
        return Stock(expectation=expectation, lying=Lying(trouble=_trouble(error)), place=place)
    markers = [each for each in found if _rest(each, recognition) in recognition.markers]
    # What a manifest has told counts from here on, what it is called does not change.
    files = [
        LyingFile(
            key=_rest(each, recognition),
            object=source.where(each.key),
            size=each.size,
            modified=each.modified,
            etag=each.etag,
        )
        for each in found
        if each not in manifests and each not in markers and _is_file(each, expectation.recognition)
    ]
    completed = max((each.modified for each in (*markers, *manifests)), default=None)
    return Stock(expectation=expectation, lying=Lying(files=tuple(files), completed=completed), place=place)


def _rest(found: Delivered, recognition: Recognition) -> str:
    return found.key.removeprefix(recognition.prefix)


def _is_file(found: Delivered, recognition: Recognition) -> bool:
    if recognition.written_from is not None and found.modified < recognition.written_from:
        return False
    if recognition.written_until is not None and found.modified > recognition.written_until:
        return False
    rest = found.key.removeprefix(recognition.prefix)
    if recognition.promised and any(each.key == rest for each in recognition.promised):
        return True
    if recognition.pattern is None:
        return not recognition.promised
    return re.fullmatch(recognition.pattern, rest) is not None


def _posture(source: Source) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """How others may read the place, as `Lying` has it, and why that is not known."""
    try:
        posture = source.posture()
    except SourceError as error:
        return None, (f"whether others may read the place: {error.reason}",)
    found = tuple(_openings(posture))
    if found:
        return found, ()
    if posture.public_blocked or (posture.public_policy is False and posture.listed_by_anyone is not True):
        return (), ()
    # Where it lies and how it is encrypted is told too, and says nothing of who reads it.
    reasons = "; ".join(each for each in posture.unknown if not each.startswith(("region", "encryption")))
    return None, (f"whether others may read the place{f' ({reasons})' if reasons else ''}",)


def _openings(posture: Posture) -> Iterator[str]:
    if posture.listed_by_anyone:
        yield "`" + posture.place + "` is listed to anybody who asks, without credentials"
    if posture.public_policy and not posture.public_blocked:
        yield "the permissions of `" + posture.place + "` let everybody read"


def _trouble(error: SourceError) -> Trouble:
    if error.code == "library-missing":
        raise Failure(f"`{error.where}` cannot be read: {error.reason}", help=error.help)
    return Trouble(code=error.code, where=error.where, reason=error.reason, help=error.help)
