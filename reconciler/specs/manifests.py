"""The steps from files to resources; each adds to the same problems."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.sdk import Catalog
from reconciler.specs.connections import (
    Reference,
    Rename,
    circles,
    natural_key,
    references_in,
    rename_clashes,
    same_object,
    unknown_reference,
)
from reconciler.specs.delivery import DeliveryBlock
from reconciler.specs.envelope import Opener
from reconciler.specs.exceptions import entries, remarks
from reconciler.specs.exemptions import Exemption
from reconciler.specs.files import find, read_bytes
from reconciler.specs.kinds import Frozen, ReadyKind
from reconciler.specs.merge import merged
from reconciler.specs.overlay import Overlays, read_overlays
from reconciler.specs.place import Place
from reconciler.specs.project import Project
from reconciler.specs.reader import Reading, hidden_character, read
from reconciler.specs.secret_policy import refusal
from reconciler.specs.translate import Finding
from reconciler.specs.tree import Node, Tree
from reconciler.specs.variables import Outputs, Substitution
from reconciler.specs.words import called, did_you_mean
from reconciler.values import Address, Identity, Mark, Path, Problem, Resource, Severity, Value

_NAMES = re.compile(r"\bname:\s*[\"']?([a-z0-9][-a-z0-9]*)")


class Manifests:
    """
    All manifests of one project and environment.

    `places` knows every manifest whose address could be read, `resources` those in which nothing is wrong. `contents`
    are files, by name, that are to be taken as if they held these bytes. `free` ones may be of a vendor that the
    project does not use, and may name any secret.
    """

    def __init__(
        self,
        project: Project,
        catalog: Catalog,
        *,
        now: datetime | None = None,
        contents: Mapping[str, bytes] | None = None,
        free: bool = False,
        outputs: Outputs | None = None,
    ) -> None:
        self.project = project
        self.catalog = catalog
        self._contents: Mapping[str, bytes] = contents or {}
        self.files = 0
        self.problems: list[Problem] = []
        self.places: dict[Address, Place] = {}
        self.resources: dict[Address, Resource] = {}
        self.deliveries: dict[Address, DeliveryBlock] = {}
        self.exemptions: dict[Address, tuple[Exemption, ...]] = {}
        self._opener = Opener(catalog)
        self._kinds: dict[str, ReadyKind] = {}
        self._overlays = Overlays()
        self._complained: dict[str, set[Mark]] = {}
        self._perhaps: set[str] = set()
        self._references: list[Reference] = []
        self._nameless: list[tuple[Place, Reference]] = []
        self._makers: dict[Address, Address] = {}
        self._strange_vendors: set[str] = set()
        self._renames: list[Rename] = []
        self._now = now
        self._free = free
        self._outputs = outputs
        self._unread: list[Path] = []

    def secret_keys(self) -> frozenset[str]:
        """The keys that hold secrets in the kinds that were met."""
        return frozenset(path[-1] for ready in self._kinds.values() for path in ready.traits.secrets)

    def is_unsure(self, address: Address) -> bool:
        """Whether a manifest of the address may be among what could not be read."""
        return address.name in self._perhaps or (address in self.places and address not in self.resources)

    def lay_over(self, overlays: Overlays) -> None:
        """Have these overlays laid over what is read from now on."""
        self._overlays = overlays

    def read(self, paths: Sequence[str | pathlib.Path]) -> None:
        """Read every manifest under the paths, in the order of the files' names."""
        found, problems = find(self.project.root, paths, self.project.reserved)
        self.problems += problems
        self._overlays = read_overlays(self.project.root, self.project.overlays)
        self._note(self._overlays.problems)
        for each in found:
            content = self._contents[each.name] if each.name in self._contents else read_bytes(each)
            self.files += 1
            if isinstance(content, Problem):
                self.problems.append(content)
                continue
            self.read_text(content, each.name)

    def read_text(self, content: bytes, name: str) -> None:
        """Read the manifests of one file."""
        self._read_file(read(content, name))

    def connect(self, *, elsewhere: bool) -> None:
        """
        Check what needs all manifests.

        `elsewhere` says that only a part of the project was read: what is missing may then lie in the rest.
        """
        known: set[Address] = set(self.places)
        perhaps = self._perhaps
        if elsewhere and any(each.target not in known for each in self._references):
            rest = Manifests(self.project, self.catalog, contents=self._contents, outputs=self._outputs)
            rest.read(self.project.paths)
            known |= set(rest.places)
            perhaps = perhaps | rest._perhaps
        if not elsewhere:
            self._say_all(each for each in self._overlays.idle() if not self._named_perhaps(each))
        for type in sorted({address.type for address in self.resources}):
            together = self._ready(type).kind.together
            if together is not None:
                found = (each for address, each in sorted(self.resources.items()) if address.type == type)
                self._say_all(together(tuple(found)))
        for reference in self._references:
            if reference.target not in known and reference.target.name not in perhaps:
                self._say_about(unknown_reference(reference, known))
        for place, reference in self._nameless:
            if reference.target not in known and reference.target.name not in perhaps:
                problem = unknown_reference(reference, known)
                self.problems.append(replace(problem, address=None, mark=place.mark(("spec", *reference.path))))
        self.problems += rename_clashes(self._renames, self.places)
        for problem in circles(self._references):
            self._say_about(problem)
        self._check_objects()

    # --- one file, one manifest ---

    def _read_file(self, reading: Reading) -> None:
        if reading.problems:
            self._note(reading.problems)
        if not reading.complete:
            self._perhaps |= set(_NAMES.findall(reading.text))
        for tree in reading.trees:
            data = tree.data
            overlays = self._overlays.of(data)
            place = Place(tree, overlays)
            self._unread = []
            if reading.uses_variables:
                data = self._substituted(data, tree)
            for overlay in overlays:
                data = merged(data, self._substituted(overlay.data, overlay))
            self._read_manifest(data, place)

    def _substituted(self, data: Node, tree: Tree) -> Node:
        """The manifest with `{var: …}` replaced everywhere but in what it is addressed by."""
        if not isinstance(data, dict):
            return data
        substitute = Substitution(self.project.values, self._outputs)
        result = dict(data)
        for key in ("lifecycle", "delivery", "policy", "spec"):
            if key in data:
                result[key] = substitute(data[key], (key,))
        metadata = data.get("metadata")
        if isinstance(metadata, dict) and "labels" in metadata:
            result["metadata"] = {**metadata, "labels": substitute(metadata["labels"], ("metadata", "labels"))}
        for each in substitute.found:
            mark = tree.mark(each.path) or tree.nearest(each.path)
            problem = Problem(code=each.code, message=each.message, mark=mark, help=each.help)
            self.problems.append(problem)
            whole = tree.mark(each.path[:-1])
            self._complained.setdefault(tree.file, set()).update((mark, whole or mark))
            self._unread.append(each.path[:-1])
        for path in substitute.unread:
            mark = tree.mark(path) or tree.nearest(path)
            message = f"`{called(path)}` is an output of another project, which is not asked for offline"
            help = "`plan` reads it, and checks the rest of this manifest"
            self.problems.append(
                Problem(code="output-not-read", message=message, mark=mark, help=help, severity=Severity.WARNING)
            )
            self._complained.setdefault(tree.file, set()).add(mark)  # so that the manifest counts as not whole
            self._unread.append(path)
        return result

    def _read_manifest(self, data: Node, place: Place) -> None:
        envelope = self._opener.open(data)
        address = envelope.address
        before = len(self.problems)
        for each in envelope.faults:
            self._say(place, each.code, each.message, each.path, each.help, at_key=each.at_key, address=address)
        if envelope.type:
            self._check_vendor(envelope.type.partition("/")[0], place)
        if not envelope.type or envelope.spec is None:
            if envelope.name:
                self._perhaps.add(envelope.name)
            if address is not None:
                self._register(address, place)
            return
        ready = self._ready(envelope.type)
        if ready.kind.name_field is not None:
            place = replace(place, name_field=ready.kind.name_field)
        self._check_ignored(data, ready, place, address)
        spec = ready.named(envelope.spec, envelope.name or "unnamed")
        found = [each for each in ready.findings(spec) if not self._is_about_unread(("spec", *each.path))]
        frozen = ready.freeze(spec)
        for finding in (*found, *_unseen_secrets(found, frozen)):
            path = ("spec", *finding.path)
            self._say(place, finding.code, finding.message, path, finding.help, at_key=finding.at_key, address=address)
        self._check_secrets(frozen, place, address)
        self._check_shown_name(spec, ready, place, address)
        if address is None:
            vendor, _, kind = envelope.type.partition("/")
            holder = Address(vendor, kind, "")
            self._nameless += [(place, Reference(holder, path, target)) for path, target in frozen.references]
            return
        if not self._register(address, place):
            return
        self._references += [Reference(address, path, target) for path, target in frozen.references]
        if self._faults_within(before, place):
            if ready.kind.expand is not None:
                self._perhaps.add(address.name)
            return
        self._remark(data, ready, place, address)
        if envelope.exemptions:
            self.exemptions[address] = envelope.exemptions
        former = replace(address, name=envelope.renamed_from) if envelope.renamed_from else None
        if envelope.delivery is not None:
            self.deliveries[address] = DeliveryBlock(
                rules=envelope.delivery,
                mark=place.mark(("delivery",)),
                marks={"contract": place.mark(("delivery", "contract"))},
            )
        self._keep(
            Resource(
                address=address,
                attributes=frozen.attributes,
                mark=place.start,
                lifecycle=envelope.lifecycle,
                labels=envelope.labels,
                renamed_from=former,
            ),
            ready,
            place,
        )

    def _keep(self, resource: Resource, ready: ReadyKind, place: Place) -> None:
        former = resource.renamed_from
        if former is not None:
            self._renames.append(Rename(former, resource.address, place))
        if ready.kind.check is not None:
            self._say_all(ready.kind.check(resource))
        if ready.kind.expand is None:
            self.resources[resource.address] = resource
            return
        known = {target for _, target in references_in(resource.attributes)}
        for each in ready.kind.expand(resource):
            old = replace(each.address, name=former.name) if former is not None else None
            part = replace(each, origin=resource.address, mark=resource.mark, renamed_from=old)
            if not self._register(part.address, place, maker=resource.address):
                continue
            if old is not None:
                self._renames.append(Rename(old, resource.address, place))
            self._references += [
                Reference(part.address, path, target)
                for path, target in references_in(part.attributes)
                if target not in known
            ]
            self.resources[part.address] = part
            if resource.address in self.deliveries and self._ready(part.address.type).kind.delivers:
                self.deliveries[part.address] = self.deliveries[resource.address]
            part_kind = self._ready(part.address.type)
            if part_kind.kind.check is not None:
                self._say_all(part_kind.kind.check(part))

    def _register(self, address: Address, place: Place, maker: Address | None = None) -> bool:
        """Whether the address was free; it is taken from now on."""
        other = self.places.get(address)
        if other is None:
            self.places[address] = place
            if maker is not None:
                self._makers[address] = maker
            return True
        at = other.mark(("metadata", "name"))
        by = self._makers.get(address)
        made = f"is a part of `{by}` at {at}" if by is not None else f"is already described at {at}"
        if maker is None:
            message, help = f"`{address}` {made}", f"a name stands once per kind; rename one `{address.kind}`"
        else:
            message = f"`{maker}` has the part `{address}`, which {made}"
            help = "rename one of them, or remove it"
        self._say(place, "duplicate-name", message, ("metadata", "name"), help, address=maker or address)
        return False

    def _is_about_unread(self, path: Path) -> bool:
        """Whether a finding is about a value that is not known, or about what holds or is held by it."""
        return any(path[: len(each)] == each[: len(path)] for each in self._unread)

    # --- checks of one manifest ---

    def _check_vendor(self, vendor: str, place: Place) -> None:
        if self._free or vendor in self.project.vendors or vendor in self._strange_vendors:
            return
        self._strange_vendors.add(vendor)
        message = f"`{vendor}` is used here, and the project file says nothing of it"
        help = f"add its settings under `vendors.{vendor}` in `reconciler.yaml`"
        mark = place.mark(("apiVersion",))
        self.problems.append(Problem(code="vendor-not-configured", message=message, mark=mark, help=help))

    def _check_ignored(self, data: Node, ready: ReadyKind, place: Place, address: Address | None) -> None:
        for each in entries(data):
            key = re.split(r"[.\[]", each.text.removeprefix("spec."), maxsplit=1)[0]
            if key and ready.keys is not None and key not in ready.keys:
                help = did_you_mean(key, ready.keys, what="known keys")
                message = f"`ignoreChanges` names `{each.text}`, but `spec` has no key `{key}`"
                self._say(place, "unknown-key", message, each.path, help, address=address)

    def _remark(self, data: Node, ready: ReadyKind, place: Place, address: Address) -> None:
        for each in remarks(data, ready, self._now):
            self.problems.append(
                Problem(
                    code=each.code,
                    message=each.message,
                    mark=place.mark(each.path),
                    address=address,
                    help=each.help,
                    severity=Severity.WARNING,
                )
            )

    def _check_secrets(self, frozen: Frozen, place: Place, address: Address | None) -> None:
        for path, secret in frozen.secrets if not self._free else ():
            refused = refusal(secret, self.project.secrets, called(path))
            if refused is not None:
                message, help = refused
                mark = place.mark(("spec", *path, secret.source))
                self.problems.append(
                    Problem(
                        code="secret-not-allowed", message=message, mark=mark, address=address, path=path, help=help
                    )
                )

    def _check_shown_name(self, spec: dict[str, Node], ready: ReadyKind, place: Place, address: Address | None) -> None:
        key = ready.kind.name_field
        name = spec.get(key) if key is not None else None
        hidden = hidden_character(name) if isinstance(name, str) and not name.isascii() else None
        if key is not None and hidden is not None:
            message = f"`{key}` holds an invisible character, `{hidden}`"
            self._say(place, "hidden-character", message, ("spec", key), "remove it", address=address)

    def _check_objects(self) -> None:
        """Two manifests of one kind must not mean one object, where the vendor could not tell them apart."""
        seen: dict[tuple[str, str], Resource] = {}
        for address in sorted(self.resources):
            resource = self.resources[address]
            traits = self._ready(address.type).traits
            if traits.identity is not Identity.DIFFERENCE or not traits.natural_key:
                continue
            values = natural_key(resource, traits)
            if values is None:
                continue
            other = seen.setdefault((address.type, _canonical(values)), resource)
            if other is not resource:
                self._say_about(same_object(resource, other, traits))

    # --- saying ---

    def _ready(self, type: str) -> ReadyKind:
        if type not in self._kinds:
            self._kinds[type] = ReadyKind(self.catalog, type)
        return self._kinds[type]

    def _say(
        self,
        place: Place,
        code: str,
        message: str,
        path: Path,
        help: str | None,
        *,
        address: Address | None,
        at_key: bool = False,
    ) -> None:
        """Add a problem at a path from the root of the manifest, unless the reader has complained there already."""
        mark = place.mark(path, key=at_key)
        if mark in self._complained.get(mark.file, ()) and code in (
            "wrong-type",
            "invalid-value",
            "reference",
            "inline-secret",
        ):
            return
        within = path[1:] if path[:1] == ("spec",) else ()
        self.problems.append(Problem(code=code, message=message, mark=mark, address=address, path=within, help=help))

    def _say_about(self, problem: Problem) -> None:
        """Add a problem that knows its address and path, with its place."""
        place = self.places.get(problem.address) if problem.address is not None else None
        if place is not None and problem.mark is None:
            mark = place.mark(("spec", *problem.path)) if problem.path else place.start
            problem = replace(problem, mark=mark)
        self.problems.append(problem)

    def _say_all(self, problems: Iterable[Problem]) -> None:
        for each in problems:
            self._say_about(each)

    def _note(self, problems: Iterable[Problem]) -> None:
        for each in problems:
            self.problems.append(each)
            if each.mark is not None:
                self._complained.setdefault(each.mark.file, set()).add(each.mark)

    def _faults_within(self, before: int, place: Place) -> bool:
        """Whether the manifest has a problem: one said since `before`, or one of the reader between its lines."""
        if len(self.problems) > before:
            return True
        trees = (place.tree, *place.overlays)
        return any(tree.holds(mark) for tree in trees for mark in self._complained.get(tree.file, ()))

    def _named_perhaps(self, problem: Problem) -> bool:
        return any(f"`{name}`" in problem.message for name in self._perhaps)


def _unseen_secrets(found: list[Finding], frozen: Frozen) -> list[Finding]:
    """Secrets written in full where the model did not look because something above is wrong."""
    unread = [each.unread for each in found if each.unread is not None]
    return [
        Finding(
            code="inline-secret",
            message=f"`{called(path)}` must be a reference to a secret, never the secret itself",
            path=path,
            help="keep the secret elsewhere and write where, such as `{env: RECONCILER_SECRET_…}`",
        )
        for path in frozen.inline
        if any(path[: len(each)] == each for each in unread)
    ]


def _canonical(values: tuple[Value, ...]) -> str:
    return json.dumps(values, sort_keys=True, default=str)
