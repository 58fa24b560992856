"""One JSON Schema (draft 2020-12) over all kinds, for editors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.sdk import Catalog, Kind, NameOrId, SecretReference
from reconciler.specs.delivery import delivery_schema
from reconciler.specs.envelope import VERSION
from reconciler.specs.reader import read
from reconciler.specs.schema_words import words_of
from reconciler.values import OnRemoval, ReplaceOrder

Schema = dict[str, Any]
"""A JSON Schema is somebody else's open-ended format; it is built here and not looked into again."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_LABEL: Final = "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,61}[A-Za-z0-9])?$"
_FIELD: Final = "^spec\\..+"
_MOMENT: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+(Z|[+-][0-9]{2}:?[0-9]{2}))?$"
_VARIABLE: Final[Schema] = {
    "title": "Variable",
    "description": "A value of the environment, from `values` in reconciler.yaml, or an output of another project",
    "type": "object",
    "properties": {
        "var": {"type": "string", "minLength": 1, "description": "The value's name"},
        "output": {"type": "string", "minLength": 1, "description": "A project, from `projects` in reconciler.yaml"},
        "address": {"type": "string", "pattern": "^[^/]+/[^/]+/[^/]+$", "description": "What it manages"},
        "name": {"type": "string", "minLength": 1, "description": "The output's name; `id` is the vendor's id"},
    },
    "oneOf": [{"required": ["var"]}, {"required": ["output", "address", "name"]}],
    "dependentRequired": {"address": ["output"], "name": ["output"]},
    "additionalProperties": False,
}
_VARIABLE_REF: Final[Schema] = {"$ref": "#/$defs/variable"}
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
_SECRET: Final[Schema] = TypeAdapter(SecretReference).json_schema()
_REFERENCE: Final[Schema] = TypeAdapter(NameOrId).json_schema()
_SECRET_WORDS: Final = {
    "env": "The environment variable that holds it",
    "file": "The file that holds it",
    "awsSecretsManager": "Its name or ARN in AWS Secrets Manager",
    "gcpSecretManager": "Its place in Google's Secret Manager, such as `projects/example/secrets/lake`",
    "vault": "Its path in HashiCorp Vault",
    "named": "The source that reconciler.yaml defines under this name",
    "key": "Which value, of a secret that holds several",
    "version": "Raised with every new value: that is how a rotation is seen",
}
"""What the parts of a reference to a secret mean."""


def json_schema(catalog: Catalog) -> Schema:
    """
    What a manifest may look like: any kind at hand, told apart by `apiVersion` and `kind`.

    `{var: name}` is accepted wherever a whole text, number or boolean may stand. Looser than `validate`: rules that
    need other manifests or the project file are not in it.
    """
    definitions: Schema = {
        "variable": _VARIABLE,
        "secret": _secret(),
        "reference": {
            "title": "Reference",
            "description": "The name of another manifest, or `{id: …}` for an object that is not managed here",
            **_Opener({}).inside(_described(_REFERENCE, {"id": "The object's id at the vendor"})),
        },
        "metadata": _metadata(),
        "lifecycle": _lifecycle(list(OnRemoval)),
        "delivery": delivery_schema(_or_variable),
        "policy": _policy(),
    }
    branches: list[Schema] = []
    versions: list[str] = []
    kinds: list[str] = []
    for vendor in catalog.names:
        version = f"{vendor}.reconciler/{VERSION}"
        versions.append(version)
        of_vendor = catalog.kinds(vendor)
        kinds += [each for each in sorted(of_vendor) if each not in kinds]
        branches.append(
            {
                "if": {"properties": {"apiVersion": {"const": version}}, "required": ["apiVersion"]},
                "then": {"properties": {"kind": {"enum": sorted(of_vendor)}}},
            }
        )
        branches += [_branch(catalog, version, vendor, of_vendor[name], definitions) for name in sorted(of_vendor)]
    return {
        "$schema": _DIALECT,
        "title": "Manifest",
        "description": "One object at a vendor, as reconciler keeps it",
        "type": "object",
        "properties": {
            "apiVersion": {"description": "The vendor, and the version of its manifests", "enum": versions},
            "kind": {"description": "What the manifest describes", "enum": kinds},
            "metadata": {"$ref": "#/$defs/metadata"},
            "lifecycle": {"$ref": "#/$defs/lifecycle"},
            "delivery": {"$ref": "#/$defs/delivery"},
            "policy": {"$ref": "#/$defs/policy"},
            "spec": {"type": "object", "description": "The object in the vendor's own words"},
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "allOf": branches,
        "examples": [
            example
            for vendor in catalog.names
            for kind in catalog.kinds(vendor).values()
            for example in _examples(kind)
        ],
        "$defs": definitions,
    }


def _branch(catalog: Catalog, version: str, vendor: str, kind: Kind, definitions: Schema) -> Schema:
    """The rules of one kind; what they refer to is added to `definitions`."""
    prefix = f"{vendor}.{kind.name}"
    spec = TypeAdapter(kind.spec).json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}.{{model}}")
    own: Schema = spec.pop("$defs", {})
    words = words_of(kind.spec)
    for name, each in (*own.items(), (spec.get("title", ""), spec)):
        for key, sentence in words.get(name, {}).items():
            each["properties"][key].setdefault("description", sentence.removesuffix("."))
    if kind.name_field is not None:
        _without_required(spec, kind.name_field, {f"#/$defs/{prefix}.{key}": each for key, each in own.items()})
    open_to_variables = _Opener({f"#/$defs/{prefix}.{key}": each for key, each in own.items()})
    for key, each in own.items():
        definitions[f"{prefix}.{key}"] = open_to_variables.inside(each)
    spec = open_to_variables.inside(spec)
    spec["description"] = kind.summary
    examples = [each["spec"] for each in _examples(kind) if "spec" in each]
    if examples:
        spec["examples"] = examples
    definitions[prefix] = spec
    traits = catalog.traits(f"{vendor}/{kind.name}")
    impossible = {
        *([OnRemoval.DISABLE] if not traits.disables else []),
        *([OnRemoval.DELETE] if not traits.deletes else []),
    }
    then: Schema = {"spec": {"$ref": f"#/$defs/{prefix}"}}
    if impossible and kind.expand is None:
        possible = [each.value for each in OnRemoval if each not in impossible]
        then["lifecycle"] = {"properties": {"onRemoval": {"anyOf": [{"enum": possible}, _VARIABLE_REF]}}}
    return {
        "if": {
            "properties": {"apiVersion": {"const": version}, "kind": {"const": kind.name}},
            "required": ["apiVersion", "kind"],
        },
        "then": {"properties": then},
    }


def _secret() -> Schema:
    return {
        "title": "Secret",
        "description": "Where a secret is kept, never the secret itself",
        **_Opener({}).inside(_described(_SECRET, _SECRET_WORDS)),
    }


def _described(schema: Schema, words: Mapping[str, str]) -> Schema:
    """The schema with a description of every property that has none, in each of its forms."""
    result = dict(schema)
    if "properties" in result:
        result["properties"] = {key: {"description": words[key], **each} for key, each in result["properties"].items()}
    for key in ("anyOf", "oneOf"):
        if key in result:
            result[key] = [_described(each, words) for each in result[key]]
    return result


def _metadata() -> Schema:
    return {
        "description": "What the manifest is called",
        "type": "object",
        "properties": {
            "name": {
                "description": "The manifest's name, a DNS label, unique for its vendor and kind",
                "type": "string",
                "pattern": _NAME,
            },
            "renamedFrom": {
                "description": "The name that the manifest had before: its object is kept",
                "type": "string",
                "pattern": _NAME,
            },
            "labels": {
                "description": "What `-l key=value` selects by",
                "type": "object",
                "propertyNames": {"pattern": _LABEL},
                "additionalProperties": _or_variable({"type": "string", "pattern": f"^$|{_LABEL}"}),
            },
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def _lifecycle(on_removal: Iterable[OnRemoval]) -> Schema:
    return {
        "description": "Rules that outlive the manifest",
        "type": "object",
        "properties": {
            "preventDestroy": _or_variable(
                {"type": "boolean", "description": "Never delete or replace the object, whatever is asked"}
            ),
            "ignoreChanges": {
                "type": "array",
                "description": "Fields that are not compared",
                "items": {
                    "anyOf": [
                        {"type": "string", "pattern": _FIELD},
                        {
                            "type": "object",
                            "description": "A field that is not compared for a time, or for a reason",
                            "properties": {
                                "path": _or_variable({"type": "string", "description": "The field", "pattern": _FIELD}),
                                "until": _or_variable(
                                    {
                                        "type": "string",
                                        "description": "The last day, in UTC, or a time with its zone",
                                        "pattern": _MOMENT,
                                    }
                                ),
                                "reason": _or_variable({"type": "string", "description": "Why, for people"}),
                            },
                            "required": ["path"],
                            "additionalProperties": False,
                        },
                        _VARIABLE_REF,
                    ]
                },
            },
            "onRemoval": _or_variable(
                {
                    "enum": [each.value for each in on_removal],
                    "description": "What happens to the object when the manifest goes away",
                }
            ),
            "createAnyway": _or_variable(
                {"type": "boolean", "description": "Create the object although one like it exists"}
            ),
            "replace": _or_variable(
                {
                    "enum": [each.value for each in ReplaceOrder],
                    "description": "Whether a replacement is made before or after the old object is deleted",
                }
            ),
        },
        "additionalProperties": False,
    }


def _policy() -> Schema:
    return {
        "description": "Rules that do not count for this manifest",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "ignore": _or_variable({"type": "string", "description": "The id of the rule"}),
                "reason": _or_variable({"type": "string", "description": "Why, for reviewers", "minLength": 1}),
                "until": _or_variable(
                    {
                        "type": "string",
                        "description": "The last day, in UTC, or a time with its zone",
                        "pattern": _MOMENT,
                    }
                ),
            },
            "required": ["ignore", "reason"],
            "additionalProperties": False,
        },
    }


def _examples(kind: Kind) -> list[Schema]:
    trees = read(kind.example.encode(), "example").trees
    return [tree.data for tree in trees if isinstance(tree.data, dict)]


def _without_required(schema: Schema, key: str, definitions: Mapping[str, Schema]) -> None:
    """Let `key` be left out of the schema's objects: the manifest's name stands in for it."""
    if "$ref" in schema and schema["$ref"] in definitions:
        _without_required(definitions[schema["$ref"]], key, definitions)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        _without_required(each, key, definitions)
    if key in schema.get("required", ()):
        schema["required"] = [each for each in schema["required"] if each != key]


def _or_variable(schema: Schema) -> Schema:
    spoken: Schema = {key: schema[key] for key in ("title", "description", "default", "examples") if key in schema}
    rest = {key: each for key, each in schema.items() if key not in spoken}
    return {**spoken, "anyOf": [rest, _VARIABLE_REF]}


class _Opener:
    """Adds the variable to every place where a whole scalar may stand."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def inside(self, schema: Schema) -> Schema:
        """The schema with its inner places opened, not itself; what every kind has is said once."""
        spoken = {key: each for key, each in schema.items() if key in {"description", "title", "default"}}
        if "anyOf" in schema:  # a manifest leaves the key out instead of writing null
            schema = {**schema, "anyOf": [each for each in schema["anyOf"] if each.get("type") != "null"]}
        for name, common in (("secret", _SECRET), ("reference", _REFERENCE)):
            if {key: each for key, each in schema.items() if key not in spoken} == common:
                said = {"description": spoken["description"]} if "description" in spoken else {}
                return {**said, "$ref": f"#/$defs/{name}"}
        result = {key: each for key, each in schema.items() if key != "discriminator"}  # a word of OpenAPI
        for key in ("properties", "patternProperties"):
            if key in result:
                result[key] = {name: self.place(each) for name, each in result[key].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(result.get(key), dict):
                result[key] = self.place(result[key])
        if "prefixItems" in result:
            result["prefixItems"] = [self.place(each) for each in result["prefixItems"]]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in result:
                result[key] = [self.inside(each) for each in result[key] if each.get("type") != "null"]
        if result.get("default", ...) is None:  # a manifest leaves the key out instead
            del result["default"]
        if len(result.get("anyOf", ())) == 1 and not result["anyOf"][0].keys() & result.keys():
            result.update(result.pop("anyOf")[0])
        return result

    def place(self, schema: Schema) -> Schema:
        """The schema of a place, opened when a scalar may stand there. A title only repeats the key."""
        opened = self.inside({key: each for key, each in schema.items() if key != "title"})
        return _or_variable(opened) if self._scalar(schema) else opened

    def _scalar(self, schema: Schema, seen: frozenset[str] = frozenset()) -> bool:
        if "const" in schema:  # what tells forms apart must be written out for the editor
            return False
        type = schema.get("type")
        if type in _SCALARS or "enum" in schema:
            return True
        if "$ref" in schema:
            target = schema["$ref"]
            return target not in seen and self._scalar(self._definitions.get(target, {}), seen | {target})
        return any(self._scalar(each, seen) for key in ("anyOf", "oneOf", "allOf") for each in schema.get(key, ()))
