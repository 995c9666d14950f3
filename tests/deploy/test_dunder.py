"""The real program, run as the chart's pods run it."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import unittest

from chart import LEAST, ROOT, case, merged, of_kind, pods, render, workload

BINARY = os.environ.get("DUNDER_TEST_BINARY", str(ROOT / "target/debug/dunder"))
# HOST:PORT of a PostgreSQL where the user dunder may do everything.
POSTGRES = os.environ.get("DUNDER_TEST_POSTGRES")
# Longer than any of this takes on the slowest machine.
BOUND = 120


class Pod:
    """A pod's container as a process, its files below a directory."""

    def __init__(self, owner, objects, root, secrets):
        self.root = pathlib.Path(root)
        pod = next(pod for one, pod in pods(objects) if one is owner)
        (container,) = pod["containers"]
        # The objects are shared between tests.
        self.container = dict(container)
        for mount in self.container["volumeMounts"]:
            volume = next((one for one in pod["volumes"] if one["name"] == mount["name"]), {})
            self.mount(mount, volume, objects)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("DUNDER_")}
        # What the image sets.
        image = (ROOT / "Dockerfile").read_text()
        self.env |= dict(re.findall(r"^ENV (\w+)=(\S+)$", image, re.MULTILINE))
        for variable in self.container["env"]:
            if "value" in variable:
                self.env[variable["name"]] = self.moved(variable["value"])
            else:
                self.env[variable["name"]] = secrets[variable["valueFrom"]["secretKeyRef"]["name"]]

    def moved(self, text):
        """Paths of the container as those of this machine."""
        for top in ("/etc/dunder/", "/data/"):
            text = text.replace(top, f"{self.root}{top}")
        return text

    def mount(self, mount, volume, objects):
        place = pathlib.Path(f"{self.root}{mount['mountPath']}")
        if "configMap" in volume:
            name = volume["configMap"]["name"]
            (config,) = [one for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"] == name]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.moved(config["data"][mount["subPath"]]))
            return
        place.mkdir(parents=True, exist_ok=True)
        if "secret" in volume:
            made = ["tls", "generate", "--dir", str(place)]
            subprocess.run([BINARY, *made], check=True, capture_output=True, timeout=BOUND)
            shutil.move(place / "crt.pem", place / "tls.crt")
            shutil.move(place / "key.pem", place / "tls.key")

    def command(self, *more):
        return [BINARY, *self.container["args"], *more]

    def run(self, *more):
        return subprocess.run(self.command(*more), env=self.env, capture_output=True, text=True, timeout=BOUND)

    def answers(self, address):
        """The status of each probe, sent as the kubelet does."""
        told = {}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = self.container[probe]["httpGet"]
            if get["scheme"] == "HTTPS":
                connection = http.client.HTTPSConnection(address, context=ssl._create_unverified_context())
            else:
                connection = http.client.HTTPConnection(address)
            headers = {one["name"]: one["value"] for one in get["httpHeaders"]}
            connection.request("GET", get["path"], headers=headers)
            told[probe] = connection.getresponse().status
            connection.close()
        return told

    def serves(self, test, *more):
        """Starts it, asks the probes, and stops it as the kubelet does."""
        log = self.root / "log"
        with log.open("w") as errors:
            server = subprocess.Popen(
                self.command("--port", "0", *more), env=self.env, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        try:
            line = server.stdout.readline()
            test.assertIn("dunder listens on", line, log.read_text())
            test.assertIn(f"://{self.env['DUNDER_HOST']}:", line)
            told = self.answers("127.0.0.1:" + line.rpartition(":")[2].strip())
            test.assertEqual(set(told.values()), {200}, (told, log.read_text()))
            server.send_signal(signal.SIGTERM)
            test.assertEqual(server.wait(BOUND), 0, log.read_text())
            test.assertNotIn("not a setting", log.read_text())
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


class Started(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name

    def pod(self, name, kind=None, **secrets):
        objects, _ = case(name)
        owner = of_kind(objects, kind)[0] if kind else workload(objects)
        return Pod(owner, objects, tempfile.mkdtemp(dir=self.place), secrets)

    def test_the_embedded_store_is_served(self):
        pod = self.pod("embedded")
        pod.serves(self)
        self.assertTrue((pod.root / "data/dunder/dunder.sqlite").is_file())

    def test_the_address_is_the_charts_not_the_images(self):
        # Where there is no IPv6, "::" could not be tried.
        objects, _ = render(merged(LEAST, {"listen": "127.0.0.1"}))
        pod = Pod(workload(objects), objects, self.place, {})
        self.assertEqual(pod.env["DUNDER_HOST"], "127.0.0.1")
        pod.serves(self)

    def test_a_token_is_made_by_the_command_of_the_notes(self):
        pod = self.pod("embedded")
        pod.serves(self)
        pod.container["args"] = ["token", "create", "ann"]
        made = pod.run()
        self.assertRegex(made.stdout, r"^dunder_\w+\n$", made.stderr)

    def test_https_is_served_to_probes_whatever_the_names_of_the_server(self):
        self.pod("embedded-reached-from-outside").serves(self)

    @unittest.skipUnless(POSTGRES, "DUNDER_TEST_POSTGRES=HOST:PORT names no database")
    def test_the_job_makes_the_schema_that_the_pods_wait_for(self):
        host, port = POSTGRES.split(":")
        database = f"chart_{os.getpid()}_{time.monotonic_ns()}"
        there = ["--cockroach.host", host, "--cockroach.port", port, "--cockroach.database", database]
        there += ["--cockroach.sslmode", "disable"]
        secrets = {"given-password": "secret"}
        pod = self.pod("cluster", **secrets)
        early = pod.run("--port", "0", *there)
        self.assertNotEqual(early.returncode, 0)
        self.assertIn("dunder migrate", early.stderr)
        migrated = self.pod("cluster", "Job", **secrets).run(*there)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        pod.serves(self, *there)

    @unittest.skipUnless(POSTGRES, "DUNDER_TEST_POSTGRES=HOST:PORT names no database")
    def test_a_url_from_a_secret_is_enough(self):
        database = f"chart_{os.getpid()}_{time.monotonic_ns()}"
        url = f"postgresql://dunder@{POSTGRES}/{database}?sslmode=disable"
        self.pod("cluster-without-a-job", **{"given-url": url}).serves(self)

    def test_wrong_settings_end_the_job_with_the_code_that_is_not_tried_again(self):
        objects, _ = case("cluster")
        (job,) = of_kind(objects, "Job")
        (rule,) = job["spec"]["podFailurePolicy"]["rules"]
        pod = self.pod("cluster", "Job", **{"given-password": "x"})
        pod.env["DUNDER_COCKROACH_SSLMODE"] = "maybe"
        wrong = pod.run()
        self.assertIn(wrong.returncode, rule["onExitCodes"]["values"], wrong.stderr)


if __name__ == "__main__":
    unittest.main()
