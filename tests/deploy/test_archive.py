"""An archive as other programs see it: DuckDB reads its files, and a server
that speaks S3 keeps them, also when it fails, is late, or does a thing twice."""

import datetime
import http.client
import http.server
import itertools
import json
import logging
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import unittest

import boto3
import duckdb
from moto.server import ThreadedMotoServer

ROOT = pathlib.Path(__file__).resolve().parents[2]

BINARY = os.environ.get("DUNDER_TEST_BINARY", str(ROOT / "target/debug/dunder"))
BOUND = 120
DAYS = 6

logging.getLogger("werkzeug").setLevel(logging.ERROR)


def lines():
    """Messages of some days of March 2024, three of each."""
    for day, hour in itertools.product(range(1, DAYS + 1), (0, 12, 23)):
        number = day * 100 + hour
        line = {
            "user_name": "ann" if hour else "Żółw",
            "text": f"message {number}, 日本\n\"quoted\"",
            "hashtags": ["prod", "日本"][: day % 3],
            "created_at": f"2024-03-{day:02}T{hour:02}:30:00.{number:03}Z",
        }
        yield line | ({"idempotency_key": f"key-{number}"} if hour else {})


def busy():
    """A day of many messages."""
    for number in range(1500):
        line = {"user_name": f"user{number % 50}", "text": f"busy {number}", "hashtags": [f"t{number % 90}"]}
        yield json.dumps(line | {"created_at": 1709802000000 + number * 1001}) + "\n"


def sql_of_the_documents():
    text = (ROOT / "docs/archive.md").read_text()
    return re.findall("```sql\n(.*?)```", text, re.DOTALL)


class Store:
    """An embedded store with these messages, and its archive."""

    def __init__(self, url, environment=None):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.url = url or f"file://{self.path}/archive"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DUNDER_", "AWS_"))}
        self.environment = clean | (environment or {})
        text = "".join(json.dumps(line) + "\n" for line in lines())
        self.does("import", given=text)

    def run(self, *arguments, given=None):
        command = [BINARY, *arguments, "--sqlite.path", f"{self.path}/dunder.sqlite", "--archive.url", self.url]
        return subprocess.run(
            command, env=self.environment, input=given, capture_output=True, text=True, timeout=BOUND
        )

    def does(self, *arguments, given=None):
        done = self.run(*arguments, given=given)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done.stdout

    def close(self):
        self.folder.cleanup()


class Files(unittest.TestCase):
    def test_duckdb_reads_the_files_as_they_are(self):
        store = Store(None)
        self.addCleanup(store.close)
        store.does("import", given="".join(busy()))
        before = store.does("export")
        store.does("archive", "--before", "2024-04-01")
        self.assertEqual(store.does("export"), before)
        files = f"{store.path}/archive/*/*/*/*.parquet"
        self.assertEqual(len(list((store.path / "archive").glob("*/*/*/*.parquet"))), DAYS + 1)
        database = duckdb.connect()
        read = lambda query: database.execute(query.replace("ARCHIVE", f"read_parquet('{files}')")).fetchall()
        kinds = {name: kind for name, kind, *_ in read("describe select * from ARCHIVE")}
        self.assertEqual(kinds["created_at"], "TIMESTAMP WITH TIME ZONE")
        self.assertEqual(kinds["hashtags"], "VARCHAR[]")
        rows = read("select id, user, text, hashtags, epoch_ms(created_at), idempotency_key from ARCHIVE order by id")
        told = [json.loads(line) for line in before.splitlines()]
        self.assertEqual(len(rows), len(told))
        for (key, user, text, hashtags, millis, idempotency_key), line in zip(rows, told):
            self.assertEqual((key, user, text, hashtags), (line["id"], line["user_name"], line["text"], line["hashtags"]))
            self.assertEqual(idempotency_key, line.get("idempotency_key"))
            at = datetime.datetime.fromisoformat(line["created_at"])
            self.assertEqual(millis, int(at.timestamp()) * 1000)
        found = read("select count(*) from ARCHIVE where list_contains(hashtags, 'prod') and \"user\" = 'ann'")
        wanted = [line for line in told if "prod" in line["hashtags"] and line["user_name"] == "ann"]
        self.assertEqual(found, [(len(wanted),)])
        # Small files have none.
        blooms = database.execute(
            "select path_in_schema, file_name from parquet_metadata(?) where bloom_filter_offset is not null",
            [files],
        ).fetchall()
        self.assertEqual({path.replace(" ", "") for path, _ in blooms}, {"user", "hashtags,list,element"})
        self.assertEqual(len({file for _, file in blooms}), 1)
        macro = next(block for block in sql_of_the_documents() if "create macro" in block)
        database.execute(macro)
        millis = read("select posted_at(id) from ARCHIVE order by id")
        exact = [datetime.datetime.fromisoformat(line["created_at"]) for line in told]
        self.assertEqual([at for (at,) in millis], exact)


class Unsteady(http.server.BaseHTTPRequestHandler):
    """Passes requests on, and makes trouble with some of them."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def passed_on(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=BOUND)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        trouble = self.server.trouble()
        if trouble == "refuse":
            status, headers, text = 503, [], b"<Error><Code>SlowDown</Code></Error>"
        elif trouble == "twice":
            self.passed_on(body)
            status, headers, text = self.passed_on(body)
        elif trouble == "lost":
            # It is done, and nobody hears of it.
            self.passed_on(body)
            self.close_connection = True
            return
        else:
            status, headers, text = self.passed_on(body)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", len(text))
        self.send_header("content-length", str(length if self.command == "HEAD" else len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer


class Bucket(unittest.TestCase):
    def setUp(self):
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        self.addCleanup(self.moto.stop)
        _, self.port = self.moto.get_host_and_port()
        self.keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        # What is in memory is there for all servers of a process.
        self.bucket = f"bucket-{self.port}"
        self.client.create_bucket(Bucket=self.bucket)

    def store(self, port):
        store = Store(f"s3://{self.bucket}/some/prefix", self.keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        self.addCleanup(store.close)
        return store

    def names(self):
        """Files of days; one beside them says whose they are."""
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        names = [one["Key"] for one in listed.get("Contents", [])]
        return [name for name in names if not name.endswith("_dunder-store")]

    def proxy(self, trouble):
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unsteady)
        proxy.target, proxy.trouble = self.port, trouble
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        return proxy.server_address[1]

    def test_messages_are_moved_read_and_deleted(self):
        store = self.store(self.port)
        before = store.does("export")
        store.does("archive", "--before", "2024-04-01")
        self.assertEqual(store.does("export"), before)
        self.assertEqual(len(self.names()), DAYS)
        self.assertTrue(all(name.startswith("some/prefix/2024/03/") for name in self.names()))
        store.does("admin", "delete", "--user", "ann", "--yes")
        left = [line for line in store.does("export").splitlines() if "deleted_at" not in line]
        self.assertEqual(len(left), DAYS)
        self.assertEqual(len(self.names()), DAYS)
        lost = self.names()[0]
        self.client.delete_object(Bucket=self.bucket, Key=lost)
        missing = store.run("export")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("2024-03-01", missing.stderr)

    def test_a_server_that_fails_and_does_things_twice_loses_and_doubles_nothing(self):
        kinds = itertools.cycle(["", "refuse", "twice", "", "lost", "twice", "refuse"])
        lock = threading.Lock()

        def trouble():
            with lock:
                return next(kinds)

        store = self.store(self.proxy(trouble))
        before = store.does("export")
        for _ in range(5):
            done = store.run("archive", "--before", "2024-04-01")
            self.assertEqual(store.does("export"), before)
            if done.returncode == 0:
                break
        self.assertEqual(done.returncode, 0, done.stderr)
        again = json.loads(store.does("archive", "--json", "--before", "2024-04-01"))
        self.assertEqual(again["data"]["messages"], 0)
        self.assertEqual(store.does("export"), before)

    def test_a_server_that_is_away_leaves_everything_where_it_is(self):
        is_away = threading.Event()
        store = self.store(self.proxy(lambda: "refuse" if is_away.is_set() else ""))
        before = store.does("export")
        store.does("archive", "--before", "2024-03-03")
        is_away.set()
        done = store.run("archive", "--before", "2024-04-01")
        self.assertEqual(done.returncode, 1)
        self.assertIn("archive", done.stderr)
        is_away.clear()
        self.assertEqual(store.does("export"), before)
        store.does("archive", "--before", "2024-04-01")
        self.assertEqual(store.does("export"), before)


if __name__ == "__main__":
    unittest.main()
