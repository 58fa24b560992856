"""The project file: where it is, what it says for one environment, and everything wrong with it."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, TypeAdapter, ValidationError

from reconciler.sdk import Catalog, VendorSettings
from reconciler.specs.delivery_settings import DeliveryPlaceFile
from reconciler.specs.merge import merged
from reconciler.specs.notify_settings import NotifyFile
from reconciler.specs.other_projects import OtherProject, others_of
from reconciler.specs.project_file import ENVIRONMENT_KEYS, PoliciesFile, ProjectFile, StateFile
from reconciler.specs.reader import MAX_BYTES, read
from reconciler.specs.secret_settings import SecretsFile
from reconciler.specs.translate import findings
from reconciler.specs.tree import Node, Tree
from reconciler.specs.variables import from_environment
from reconciler.specs.words import did_you_mean, listed, shown
from reconciler.values import Mark, Path, Problem
from reconciler.values.address import is_name

PROJECT_FILE = "reconciler.yaml"
DEFAULT_ENVIRONMENT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one run may take away, per kind, and the kinds (`vendor/Kind`) whose lists may be short."""

    max_deletes: int = 5
    max_delete_percent: float = 20.0
    accept_short: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPolicy:
    """
    Which places of secrets manifests may name.

    Environment variables by prefix or name, folders of files, names in stores (a `*` at the end stands for anything),
    and the sources that the project file itself defines.
    """

    env_prefixes: tuple[str, ...] = ("RECONCILER_SECRET_",)
    env_names: frozenset[str] = frozenset()
    file_roots: tuple[str, ...] = ("/run/secrets",)
    aws: tuple[str, ...] = ()
    gcp: tuple[str, ...] = ()
    vault: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePlace:
    """
    Where the state lies and how it is kept there.

    `keep` earlier states are kept beside the present one. The rest concerns buckets; what is not said there is left to
    the cloud's own library, and `encryption` to the bucket.
    """

    url: str = "file://.reconciler/state"
    endpoint: str | None = None
    region: str | None = None
    encryption: str | None = None
    kms_key: str | None = None
    keep: int = 9
    lease_seconds: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    One project in one environment.

    `root` is the folder of the project file; `paths` and `overlays` are relative to it. `vendors` holds the settings
    of each vendor that the file configures. `others` are the projects whose outputs may be used, by the name that
    manifests give them. `reserved` are the files below the root that are no manifests: the project
    file and the overlays of every environment.
    """

    root: pathlib.Path
    name: str
    environment: str = DEFAULT_ENVIRONMENT
    paths: tuple[str, ...] = ("specs/",)
    state: StatePlace = StatePlace()
    vendors: Mapping[str, VendorSettings] = field(default_factory=dict)
    limits: Limits = Limits()
    secrets: SecretPolicy = SecretPolicy()
    secret_places: SecretsFile = SecretsFile()
    values: Mapping[str, str | bool | int | float] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    deliveries: tuple[DeliveryPlaceFile, ...] = ()
    policies: PoliciesFile | None = None
    signing_key: str | None = None
    notify: tuple[NotifyFile, ...] = ()
    others: Mapping[str, OtherProject] = field(default_factory=dict)
    parallelism: int = 4
    deadline_minutes: float = 30.0
    reserved: frozenset[str] = frozenset({PROJECT_FILE})

    @property
    def state_url(self) -> str:
        """Where the state lies."""
        return self.state.url


def find_project(start: pathlib.Path) -> pathlib.Path | None:
    """The folder with the project file that `start` lies in: itself or the nearest above."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    return None


def load_project(
    root: pathlib.Path, environment: str | None, environ: Mapping[str, str], catalog: Catalog
) -> tuple[Project | None, tuple[Problem, ...]]:
    """
    The project whose file lies in `root`, for one environment; `None` when it has problems.

    Without `environment` the only one counts, or `default` in a file that declares none. `environ` gives `${VAR}`.
    """
    tree, problems = _read(root / PROJECT_FILE)
    if tree is None or problems:
        return None, tuple(problems)
    reader = _Reader(root, tree, environ, catalog)
    project = reader.project(environment)
    if reader.problems:
        return None, tuple(sorted(reader.problems, key=_order))
    return project, ()


def environments(root: pathlib.Path) -> tuple[str, ...]:
    """The environments that the project file declares, sorted; empty when it cannot be read."""
    tree, _ = _read(root / PROJECT_FILE)
    declared = tree.data.get("environments") if tree is not None and isinstance(tree.data, dict) else None
    return tuple(sorted(declared)) if isinstance(declared, dict) else ()


def _read(path: pathlib.Path) -> tuple[Tree | None, list[Problem]]:
    try:
        with path.open("rb") as file:
            reading = read(file.read(MAX_BYTES + 1), PROJECT_FILE)
    except FileNotFoundError:
        help = "change to the project's folder, or make the file: `project: name` is enough to begin with"
        return None, [Problem(code="no-project", message=f"there is no `{PROJECT_FILE}` here", help=help)]
    except OSError as error:
        message = f"`{PROJECT_FILE}` cannot be read: {error.strerror}"
        return None, [Problem(code="unreadable-file", message=message)]
    problems = list(reading.problems)
    start = Mark(PROJECT_FILE, 1, 1)
    if len(reading.trees) > 1:
        mark = reading.trees[1].start
        problems.append(Problem(code="wrong-type", message="the project file is one document, not several", mark=mark))
    if not reading.trees:
        if not problems:
            message, help = "the project file is empty", "it needs at least `project: name`"
            problems.append(Problem(code="missing-key", message=message, mark=start, help=help))
        return None, problems
    tree = reading.trees[0]
    if not isinstance(tree.data, dict):
        problems.append(Problem(code="wrong-type", message="the project file must be a mapping", mark=tree.start))
        return None, problems
    return tree, problems


class _Reader:
    def __init__(self, root: pathlib.Path, tree: Tree, environ: Mapping[str, str], catalog: Catalog) -> None:
        assert isinstance(tree.data, dict)
        self.root = root
        self.tree = tree
        self.written = tree.data
        self.environ = environ
        self.catalog = catalog
        self.problems: list[Problem] = []

    def project(self, asked: str | None) -> Project | None:
        declared = self._environments()
        chosen = self._chosen(asked, declared)
        if chosen is None:
            return None
        own = self.written.get("environments")
        override = own.get(chosen) if isinstance(own, dict) else None
        base: Node = {key: each for key, each in self.written.items() if key != "environments"}
        whole = merged(base, override) if isinstance(override, dict) else base
        prefix: Path = ("environments", chosen)

        def place(path: Path) -> Path:
            return (*prefix, *path) if self.tree.mark((*prefix, *path)) is not None else path

        whole, unresolved = from_environment(whole, self.environ)
        for each in unresolved:
            self._say(each.code, each.message, place(each.path), each.help)
        if unresolved:
            return None
        file = self._validated(ProjectFile, whole, place, "the project file")
        if not isinstance(file, ProjectFile):
            return None
        vendors = self._vendors(whole, place)
        try:
            name = file.name()
        except ValueError as error:
            self._say("invalid-name", str(error), ("project",))
            return None
        self._check(file, place)
        return Project(
            root=self.root,
            name=name,
            environment=chosen,
            paths=tuple(file.manifests),
            state=_place_of(file.state_file()),
            vendors=vendors,
            limits=Limits(
                max_deletes=file.limits.max_deletes,
                max_delete_percent=file.limits.max_delete_percent,
                accept_short=frozenset(file.limits.accept_short),
            ),
            secrets=SecretPolicy(
                env_prefixes=tuple(file.secrets.env_prefixes),
                env_names=frozenset(file.secrets.env_names),
                file_roots=tuple(file.secrets.file_roots),
                aws=tuple(file.secrets.aws_secrets_manager.names),
                gcp=tuple(file.secrets.gcp_secret_manager.names),
                vault=tuple(file.secrets.vault.paths) if file.secrets.vault is not None else (),
                named=frozenset(file.secrets.named),
            ),
            secret_places=file.secrets,
            values=file.values,
            overlays=tuple(file.overlays),
            deliveries=tuple(file.deliveries),
            policies=file.policies,
            signing_key=file.ledger.signing_key.file if file.ledger.signing_key is not None else None,
            notify=tuple(file.notify),
            others=others_of(file.projects, chosen),
            parallelism=file.parallelism,
            deadline_minutes=file.deadline,
            reserved=frozenset({PROJECT_FILE}) | self._overlays(),
        )

    def _environments(self) -> dict[str, Node]:
        """The declared environments, each looked at so far as one that is not chosen can be."""
        declared = self.written.get("environments", {})
        if not isinstance(declared, dict):
            self._say("wrong-type", "`environments` must be a mapping of names to what differs", ("environments",))
            return {}
        for name, each in declared.items():
            path: Path = ("environments", name)
            if not is_name(name):
                message = f"`{shown(name)}` is no name: lower-case letters, digits and inner hyphens, at most 63"
                self._say("invalid-name", message, path, key=True)
            if not isinstance(each, dict):
                self._say("wrong-type", f"`{shown(name)}` must be a mapping", path)
                continue
            for key in each:
                if key not in ENVIRONMENT_KEYS:
                    help = did_you_mean(key, ENVIRONMENT_KEYS, what="known keys")
                    message = f"the environment `{shown(name)}` has no key `{shown(key)}`"
                    self._say("unknown-key", message, (*path, key), help, key=True)
        return declared

    def _chosen(self, asked: str | None, declared: dict[str, Node]) -> str | None:
        if not declared:
            if asked in (None, DEFAULT_ENVIRONMENT):
                return DEFAULT_ENVIRONMENT
            message = f"the project has no environment `{shown(asked)}`"
            self._say("unknown-environment", message, (), "it declares none; leave `-e` out")
            return None
        if asked is None:
            if len(declared) == 1:
                return next(iter(declared))
            message = f"the project has several environments: {listed(sorted(declared))}"
            self._say(
                "environment-needed",
                message,
                ("environments",),
                "choose one with `-e NAME` or `RECONCILER_ENVIRONMENT`",
                key=True,
            )
            return None
        if asked not in declared:
            help = did_you_mean(asked, tuple(declared), what="known environments")
            message = f"the project has no environment `{shown(asked)}`"
            self._say("unknown-environment", message, ("environments",), help, key=True)
            return None
        return asked

    def _validated(
        self, model: type[BaseModel], data: Node, place: Callable[[Path], Path], called: str
    ) -> BaseModel | None:
        try:
            # As JSON, because YAML here means what JSON means: lists also stand for tuples, text for dates.
            return TypeAdapter(model).validate_json(json.dumps(data))
        except ValidationError as error:
            for each in findings(error, model, data, root=called):
                path = place(each.path)
                self._say(each.code, each.message, path, each.help, key=each.at_key)
            return None

    def _vendors(self, whole: Node, place: Callable[[Path], Path]) -> dict[str, VendorSettings]:
        written = whole.get("vendors", {}) if isinstance(whole, dict) else {}
        found: dict[str, VendorSettings] = {}
        for name, each in written.items() if isinstance(written, dict) else ():
            path: Path = ("vendors", name)
            if name not in self.catalog.names:
                help = did_you_mean(name, self.catalog.names, what="known vendors")
                self._say("unknown-vendor", f"no vendor is called `{shown(name)}`", place(path), help, key=True)
                continue

            def within(inner: Path, path: Path = path) -> Path:
                return place((*path, *inner))

            settings = self._validated(self.catalog.provider(name).settings, each, within, f"vendors.{name}")
            if isinstance(settings, VendorSettings):
                found[name] = settings
        return found

    def _check(self, file: ProjectFile, place: Callable[[Path], Path]) -> None:
        """What the model cannot say."""
        for position, overlay in enumerate(file.overlays):
            path = self.root / overlay
            if not path.resolve().is_relative_to(self.root.resolve()):
                message = f"`{shown(overlay)}` lies outside the project"
                self._say("outside-project", message, place(("overlays", position)))
            elif not path.is_file():
                self._say("no-overlay", f"there is no file `{shown(overlay)}`", place(("overlays", position)))
        self._check_state(file.state_file(), place)
        self._check_others(file, place)
        for position, type in enumerate(file.limits.accept_short):
            vendor, _, kind = type.partition("/")
            kinds = self.catalog.kinds(vendor) if vendor in self.catalog.names else {}
            if kind not in kinds:
                known = [f"{vendor}/{each}" for each in kinds]
                help = did_you_mean(type, known, what="known kinds") or "write `vendor/Kind`"
                at = place(("limits", "acceptShort", position))
                self._say("unknown-kind", f"no kind is called `{shown(type)}`", at, help)

    def _check_others(self, file: ProjectFile, place: Callable[[Path], Path]) -> None:
        for name, each in file.projects.items():
            for key, given in (("project", each.project or name), ("environment", each.environment)):
                if given is not None and not is_name(given):
                    message = f"`{shown(given)}` is no name: lower-case letters, digits and inner hyphens, at most 63"
                    written = key in each.model_fields_set
                    self._say("invalid-name", message, place(("projects", name, *([key] if written else []))))

    def _check_state(self, state: StateFile, place: Callable[[Path], Path]) -> None:
        scheme = state.url.partition("://")[0]
        unknown = {"file": ("endpoint", "region", "encryption", "kms_key", "lease_seconds"), "gs": _ONLY_S3}
        for name in unknown.get(scheme, ()):
            if name in state.model_fields_set:
                key = StateFile.model_fields[name].alias or name
                message = f"`{key}` says nothing about a state at `{scheme}://`"
                self._say("invalid-value", message, place(("state", key)), "remove it", key=True)
        if state.encryption == "AES256" and state.kms_key is not None:
            message = "`encryption` cannot be `AES256` together with `kmsKey`"
            self._say("invalid-value", message, place(("state", "encryption")), "write `aws:kms`, or remove the key")

    def _overlays(self) -> frozenset[str]:
        declared = self.written.get("environments")
        sections = [self.written, *(declared.values() if isinstance(declared, dict) else ())]
        lists = [each.get("overlays") for each in sections if isinstance(each, dict)]
        return frozenset(
            pathlib.PurePosixPath(overlay).as_posix()
            for each in lists
            if isinstance(each, list)
            for overlay in each
            if isinstance(overlay, str)
        )

    def _say(self, code: str, message: str, path: Path, help: str | None = None, *, key: bool = False) -> None:
        mark = self.tree.mark(path, key=key) or self.tree.nearest(path)
        self.problems.append(Problem(code=code, message=message, mark=mark, help=help))


_ONLY_S3 = ("region", "encryption")


def _place_of(state: StateFile) -> StatePlace:
    return StatePlace(
        url=state.url,
        endpoint=state.endpoint,
        region=state.region,
        encryption=state.encryption,
        kms_key=state.kms_key,
        keep=state.keep,
        lease_seconds=state.lease_seconds,
    )


def _order(problem: Problem) -> tuple[Mark, str]:
    return problem.mark or Mark(PROJECT_FILE, 1, 1), problem.code
