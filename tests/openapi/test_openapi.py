"""/openapi.json against the validators of others, and the server against it.

DUNDER_TEST_URL is where a dunder of `auth.mode: name` listens.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.request

import jsonschema
import openapi_spec_validator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

HERE = pathlib.Path(__file__).parent
URL = os.environ["DUNDER_TEST_URL"]
# The base64 of a name.
TOKEN = "Bearer am9obg=="


def document():
    with urllib.request.urlopen(f"{URL}/openapi.json", timeout=30) as answer:
        return json.load(answer)


class Document(unittest.TestCase):
    def test_it_is_openapi(self):
        whole = document()
        self.assertTrue(whole["openapi"].startswith("3.1."))
        openapi_spec_validator.validate(whole)

    def test_the_validator_would_tell(self):
        whole = document()
        del whole["paths"]["/message/{ulid}"]["get"]["parameters"][0]
        with self.assertRaises(OpenAPIValidationError):
            openapi_spec_validator.validate(whole)

    def test_every_event_of_a_stream_is_as_described(self):
        whole = document()
        body = b'{"text": "of a #stream"}'
        post = urllib.request.Request(f"{URL}/message", body, {"Authorization": TOKEN})
        urllib.request.urlopen(post, timeout=30).close()
        event = {"$ref": "#/components/schemas/StreamEvent", "components": whole["components"]}
        schema = jsonschema.Draft202012Validator(event)
        with urllib.request.urlopen(f"{URL}/message/stream?last=1", timeout=30) as stream:
            events = [json.loads(stream.readline()) for _ in range(2)]
        self.assertEqual([one["event"] for one in events], ["message", "caught-up"])
        for one in events:
            schema.validate(one)
        self.assertFalse(schema.is_valid({"event": "message", "position": "?"}))


class Server(unittest.TestCase):
    def test_it_does_as_the_document_says(self):
        command = [pathlib.Path(sys.executable).with_name("schemathesis"), "--no-color", "run", f"{URL}/openapi.json"]
        command += ["--header", f"Authorization: {TOKEN}", "--seed", "1", "--warnings", "off"]
        command += ["--max-examples", os.environ.get("DUNDER_TEST_EXAMPLES", "10"), "--request-timeout", "30"]
        paths = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, env=os.environ | paths, cwd=HERE, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}")
        self.assertIn("No issues found", done.stdout)


if __name__ == "__main__":
    unittest.main()
