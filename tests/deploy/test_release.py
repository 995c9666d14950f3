"""Helm's engine installs and upgrades against as much of Kubernetes as it asks
for, and the real program does the work of the Job and of the pods."""

import os
import tempfile
import time
import unittest

import helm_python as helm

from api import Api
from chart import CASES, CHART, NAMESPACE, RELEASE, merged, read, workload
from test_dunder import BOUND, POSTGRES, Pod


@unittest.skipUnless(POSTGRES, "DUNDER_TEST_POSTGRES=HOST:PORT names no database")
class Released(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        host, port = POSTGRES.split(":")
        database = f"release_{os.getpid()}_{time.monotonic_ns()}"
        self.database = ["--cockroach.host", host, "--cockroach.port", port]
        self.database += ["--cockroach.database", database, "--cockroach.sslmode", "disable"]
        self.values = read(CASES["cluster"])
        self.api = Api(self.run_job)
        self.addCleanup(self.api.close)
        access = f"""
            apiVersion: v1
            kind: Config
            clusters: [{{name: here, cluster: {{server: "{self.api.url}"}}}}]
            users: [{{name: me, user: {{}}}}]
            contexts: [{{name: here, context: {{cluster: here, user: me, namespace: {NAMESPACE}}}}}]
            current-context: here
        """
        # Releases are kept in memory: in a cluster they are Secrets.
        self.helm = helm.Config(kubeconfig_content=access, namespace=NAMESPACE, storage_driver="memory")
        self.addCleanup(self.helm.close)

    def pod(self, owner, objects):
        return Pod(owner, objects, tempfile.mkdtemp(dir=self.place), {"given-password": "secret"})

    def run_job(self, job, objects):
        done = self.pod(job, [*objects.values()]).run(*self.database)
        self.said = done.stderr
        return done.returncode == 0

    def writes(self):
        """What was made or changed since the last look, in order."""
        made = [(plural, name) for method, plural, name in self.api.writes if method != "DELETE"]
        self.api.writes.clear()
        return made

    def install(self, **more):
        return self.helm.install(str(CHART), RELEASE, merged(self.values, more), timeout=BOUND, wait="hookOnly")

    def upgrade(self, **more):
        return self.helm.upgrade(str(CHART), RELEASE, merged(self.values, more), timeout=BOUND, wait="hookOnly")

    def test_the_schema_is_there_before_the_pods_and_they_serve(self):
        self.assertEqual(self.install()["status"], "deployed")
        first, second, *others = self.writes()
        self.assertEqual([first, second], [("configmaps", "board-dunder-migrate"), ("jobs", "board-dunder-migrate")])
        self.assertIn(("deployments", "board-dunder"), others)
        self.assertNotIn(("jobs", "board-dunder-migrate"), self.api.objects)
        objects = [*self.api.objects.values()]
        self.pod(workload(objects), objects).serves(self, *self.database)

    def test_an_upgrade_whose_migration_fails_changes_nothing_and_leaves_its_job(self):
        self.install()
        before = dict(self.api.objects)
        self.writes()
        with self.assertRaisesRegex(helm.HelmError, "pre-upgrade"):
            self.upgrade(env=[{"name": "DUNDER_COCKROACH_CA", "value": "/nowhere.pem"}], replicas=9)
        job = ("jobs", "board-dunder-migrate")
        self.assertEqual(self.writes()[-1], job)
        self.assertEqual({key: one for key, one in self.api.objects.items() if key != job}, before)
        self.assertIn(job, self.api.objects)
        # The next one begins with a Job of its own.
        self.assertEqual(self.upgrade(replicas=9)["status"], "deployed")
        self.assertEqual(self.api.objects["deployments", "board-dunder"]["spec"]["replicas"], 9)


if __name__ == "__main__":
    unittest.main()
