"""Validates what a release says of itself with the official schemas: its bill of
materials (CycloneDX) and its statement of provenance (in-toto, SLSA)."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement


def bill(text):
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        sys.exit(f"no CycloneDX 1.6: {str(error)[:2000]}")
    told = json.loads(text)
    names = [told["metadata"]["component"]["bom-ref"]]
    names += [component["bom-ref"] for component in told["components"]]
    if len(set(names)) != len(names):
        sys.exit("two components have one bom-ref")
    for dependency in told["dependencies"]:
        for name in [dependency["ref"], *dependency["dependsOn"]]:
            if name not in names:
                sys.exit(f"{name} is no component")


def provenance(text):
    # A field that the format does not have is an error of these parsers.
    message = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(message).validate()
    predicate = json.loads(text)["predicate"]
    parsed = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    definition, details = parsed.build_definition, parsed.run_details
    if message.predicate_type != "https://slsa.dev/provenance/v1":
        sys.exit("another predicate")
    if not definition.build_type or not definition.external_parameters or not details.builder.id:
        sys.exit("SLSA wants a build type, parameters and a builder")
    for dependency in definition.resolved_dependencies:
        if not (dependency.uri or dependency.digest or dependency.content):
            sys.exit(f"{dependency.name} is nothing")


{"bill": bill, "provenance": provenance}[sys.argv[1]](open(sys.argv[2], encoding="utf-8").read())
print("valid")
