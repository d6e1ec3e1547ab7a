"""What docs/openapi.json says of an answer, and whether it is so."""

import json
import pathlib
import re

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "head", "put", "post", "delete")

# What any answer may have, and HTTP says what it means.
USUAL = {
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "x-content-type-options",
}

# Of these `x-line` says what a line is.
LINES = ["application/x-ndjson"]


class Document:
    """The description of the interface."""

    def __init__(self):
        text = (ROOT / "docs/openapi.json").read_text(encoding="utf-8")
        self.document = json.loads(text)
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.seen = set()  # of what is described, operations and statuses

    def resolve(self, part):
        """What a reference is to, or the part itself."""
        while "$ref" in part:
            part = self.resolver.resolve(part["$ref"])[1]
        return part

    def references(self, part=None):
        """All references, from wherever they are."""
        part = self.document if part is None else part
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for inner in part.values():
                yield from self.references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from self.references(inner)

    def operations(self):
        """Each path, method and operation."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def responses(self, path, method):
        """What may be answered; to HEAD what is to GET."""
        item = self.document["paths"][path]
        return item["get" if method == "head" else method]["responses"]

    def described(self):
        """All pairs of an operation and a status that are described."""
        for path, method, _ in self.operations():
            if method != "head":
                for status in self.responses(path, method):
                    yield f"{method} {path} {status}"

    def parameters(self, path, method, place):
        """The parameters of an operation in the query, or in the head."""
        found = self.document["paths"][path][method].get("parameters", [])
        resolved = [self.resolve(parameter) for parameter in found]
        return [part for part in resolved if part["in"] == place]

    def check(self, path, method, answer):
        """Fails unless the answer is described, and is as it is described."""
        status = str(answer.status)
        responses = self.responses(path, method)
        assert status in responses, (method, path, status, answer.body)
        self.seen.add(f"{method} {path} {status}")
        response = self.resolve(responses[status])
        self.check_headers(response.get("headers", {}), answer.headers)
        if method != "head":
            self.check_body(response.get("content", {}), answer)

    def check_headers(self, described, headers):
        """All that must be there are, and no others; each is as it should."""
        found = {name.lower(): value for name, value in headers.items()}
        known = {name.lower(): self.resolve(h) for name, h in described.items()}
        strange = set(found) - set(known) - USUAL
        assert not strange, f"not described: {strange}"
        for name, header in known.items():
            assert name in found or not header.get("required"), name
            if name in found:
                self.validate(header["schema"], found[name])

    def check_body(self, content, answer):
        """It is of a type that is described, and valid."""
        media = answer.headers.get("Content-Type")
        assert (media is not None) == bool(content), (media, answer.status)
        if media is None:
            assert not answer.body, answer.body
            return
        assert media in content, (media, list(content))
        if media.endswith("json") and "x-line" not in content[media]:
            self.validate(content[media]["schema"], json.loads(answer.body))
        for line in answer.body.splitlines() if media in LINES else []:
            self.validate(content[media]["x-line"], json.loads(line))

    def validate(self, schema, value):
        """Fails unless the value is as the schema has it."""
        jsonschema.Draft202012Validator(
            schema, resolver=self.resolver
        ).validate(value)

    def schema(self, name):
        """One of the components."""
        return self.document["components"]["schemas"][name]


def routes():
    """The paths that the broker knows, as its table has them."""
    text = (ROOT / "broker/net/route.c").read_text(encoding="utf-8")
    table = re.findall(
        r'ROUTE(?:_TO)?\("([^"]+)",(?:\s*"([^"]*)",)?', text
    )
    for path, end in table:
        yield f"{path}{{topic}}{end}" if path.endswith("/") else path
