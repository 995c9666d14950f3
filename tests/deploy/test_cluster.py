"""benches/cluster.sh with a stand-in for `cockroach`: what it starts, breaks and ends."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from chart import ROOT

SCRIPT = str(ROOT / "benches/cluster.sh")
FAKE = pathlib.Path(__file__).parent / "fake_cockroach.sh"


def state(process):
    """T: stopped, Z: has ended and nobody asked how; None: has gone."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


class Cluster(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        (self.place / "bin").mkdir()
        (self.place / "state").mkdir()
        shutil.copy(FAKE, self.place / "bin/cockroach")
        (self.place / "bin/cockroach").chmod(0o755)
        self.env = os.environ | {
            "PATH": f"{self.place}/bin:{os.environ['PATH']}",
            "FAKE_COCKROACH": f"{self.place}/state",
            "CLUSTER_DIR": f"{self.place}/cluster",
        }
        # Whatever a test leaves running.
        self.addCleanup(self.cluster, "stop")

    def cluster(self, *words):
        return subprocess.run([SCRIPT, *words], env=self.env, capture_output=True, text=True, timeout=120)

    def until(self, what):
        for _ in range(1000):
            if what():
                return
            time.sleep(0.01)
        self.fail("it never came")

    def states(self):
        return [line.rpartition(" ")[2] for line in self.cluster("status").stdout.splitlines()]

    def test_nodes_are_joined_broken_and_ended(self):
        started = self.cluster("start", "3")
        self.assertEqual(
            started.stdout,
            "export DUNDER_TEST_COCKROACH_URL='postgresql://root@127.0.0.1:26357,127.0.0.1:26358,127.0.0.1:26359"
            "/defaultdb?sslmode=disable'\n",
            started.stderr,
        )
        arguments = (self.place / "state/127.0.0.1:26358").read_text()
        self.assertIn("--join=127.0.0.1:26357,127.0.0.1:26358,127.0.0.1:26359", arguments)
        self.assertEqual(self.states(), ["up", "up", "up"])
        self.cluster("kill", "2")
        self.assertEqual(self.states(), ["up", "down", "up"])
        self.assertIn("restart 2", self.cluster("kill", "2").stderr)
        # Its data are there: no second init.
        self.assertEqual(self.cluster("restart", "2").returncode, 0)
        self.assertEqual(self.states(), ["up", "up", "up"])
        one = int((self.place / "cluster/1/pid").read_text())
        self.cluster("freeze", "1")
        self.until(lambda: state(one) == "T")
        self.assertIn("has a cluster", self.cluster("start").stderr)
        self.assertEqual(self.cluster("stop").returncode, 0)
        self.assertFalse((self.place / "cluster").exists())
        self.assertIn(state(one), (None, "Z"))

    def test_a_command_is_run_over_a_cluster_that_ends_with_it(self):
        ran = self.cluster("run", "1", "sh", "-c", "echo $DUNDER_TEST_COCKROACH_URL; exit 4")
        self.assertEqual(ran.returncode, 4, ran.stderr)
        self.assertEqual(ran.stdout, "postgresql://root@127.0.0.1:26357/defaultdb?sslmode=disable\n")
        self.assertFalse((self.place / "cluster").exists())

    def test_a_node_that_ends_is_told_with_its_last_words(self):
        self.env["FAKE_COCKROACH_FAILS"] = "1"
        failed = self.cluster("start")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("the clock is wrong", failed.stderr)

    def test_without_a_cockroach_it_says_so(self):
        os.remove(self.place / "bin/cockroach")
        missing = self.cluster("start")
        self.assertEqual(missing.returncode, 77)
        self.assertIn("SKIPPED", missing.stderr)


if __name__ == "__main__":
    unittest.main()
