"""The Helm chart: what it renders is what Kubernetes takes and dunder means."""

import functools
import json
import re
import tempfile
import unittest

import helm_python as helm
import kubernetes_validate
import yaml

from chart import (
    CASES, CHART, LEAST, NAMESPACE, ROOT, case, config_of, is_hook, lint, merged, of_kind, pods, read, render,
    settings, workload,
)

# The oldest that Chart.yaml allows, and the newest that the package has.
KUBERNETES = ["1.30", kubernetes_validate.latest_version()]
# Of other APIs than Kubernetes' own.
ELSEWHERE = {"HTTPRoute", "ServiceMonitor", "PrometheusRule"}
# Settings that follow from other values of the chart.
OF_THE_CHART = {
    "admin.host", "admin.port",
    "host", "port", "use_tls", "tls.crt", "tls.key", "sqlite.path", "cockroach.password",
    "cockroach.password_file", "cockroach.url", "cockroach.ca", "cockroach.cert", "cockroach.key",
    "limits.shutdown_timeout",
}


def for_each_case(test):
    """A test of the objects that each file of cases/ renders to."""

    @functools.wraps(test)
    def run(self):
        self.assertGreater(len(CASES), 4)
        for name in CASES:
            with self.subTest(name):
                test(self, case(name)[0])

    return run


class Rendered(unittest.TestCase):
    """What holds whatever the values are."""

    def test_helm_finds_nothing_to_complain_of(self):
        self.assertEqual(lint({}), [])
        for name, path in CASES.items():
            with self.subTest(name):
                self.assertEqual(lint(read(path)), [])

    @for_each_case
    def test_kubernetes_knows_every_field(self, objects):
        for one in objects:
            if one["kind"] in ELSEWHERE:
                continue
            for version in KUBERNETES:
                kubernetes_validate.validate(one, version, strict=True)

    def test_a_field_that_kubernetes_does_not_know_is_found(self):
        objects, _ = case("cluster")
        wrong = json.loads(json.dumps(workload(objects)))
        wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)

    @for_each_case
    def test_names_are_short_enough_and_given_once(self, objects):
        names = [(one["kind"], one["metadata"]["name"]) for one in objects]
        self.assertEqual(len(names), len(set(names)))
        for kind, name in names:
            self.assertRegex(name, r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", kind)
        for one in objects:
            for value in one["metadata"]["labels"].values():
                self.assertRegex(value, r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")

    @for_each_case
    def test_selectors_choose_the_servers_pods_and_no_others(self, objects):
        server = workload(objects)
        selector = server["spec"]["selector"]["matchLabels"]
        selectors = [service["spec"]["selector"] for service in of_kind(objects, "Service")]
        selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind(objects, "PodDisruptionBudget")]
        selectors += [one["spec"]["podSelector"]["matchLabels"] for one in of_kind(objects, "NetworkPolicy")]
        self.assertTrue(all(one == selector for one in selectors), selectors)
        for one, _ in pods(objects):
            labels = one["spec"]["template"]["metadata"]["labels"]
            self.assertEqual(selector.items() <= labels.items(), one is server, one["kind"])

    @for_each_case
    def test_whatever_is_named_is_there(self, objects):
        made = {(one["kind"], one["metadata"]["name"]): is_hook(one) for one in objects}

        def check(kind, name, user):
            if name.startswith("given-") or (kind, name) == ("ServiceAccount", "default"):
                return
            self.assertIn((kind, name), made)
            # A hook runs before anything else is made.
            if is_hook(user):
                self.assertTrue(made[kind, name], name)

        for owner, pod in pods(objects):
            check("ServiceAccount", pod.get("serviceAccountName", "default"), owner)
            claims = owner["spec"].get("volumeClaimTemplates", [])
            volumes = {volume["name"] for volume in pod["volumes"]}
            volumes |= {claim["metadata"]["name"] for claim in claims}
            for volume in pod["volumes"]:
                if "configMap" in volume:
                    check("ConfigMap", volume["configMap"]["name"], owner)
                if "secret" in volume:
                    check("Secret", volume["secret"]["secretName"], owner)
                if "persistentVolumeClaim" in volume:
                    check("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], owner)
            (container,) = pod["containers"]
            self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)
            for variable in container["env"]:
                if "valueFrom" in variable:
                    check("Secret", variable["valueFrom"]["secretKeyRef"]["name"], owner)
        service = {port["name"] for one in of_kind(objects, "Service") for port in one["spec"]["ports"]}
        for ingress in of_kind(objects, "Ingress"):
            for rule in ingress["spec"]["rules"]:
                backend = rule["http"]["paths"][0]["backend"]["service"]
                check("Service", backend["name"], ingress)
                self.assertIn(backend["port"]["name"], service)
        for one in of_kind(objects, "HTTPRoute"):
            check("Service", one["spec"]["rules"][0]["backendRefs"][0]["name"], one)
        for one in of_kind(objects, "HorizontalPodAutoscaler"):
            target = one["spec"]["scaleTargetRef"]
            check(target["kind"], target["name"], one)
            self.assertNotIn("replicas", workload(objects)["spec"])

    @for_each_case
    def test_pods_can_do_only_what_the_restricted_standard_allows(self, objects):
        # https://kubernetes.io/docs/concepts/security/pod-security-standards/
        for _, pod in pods(objects):
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertNotEqual(pod["securityContext"].get("runAsUser"), 0)
            self.assertFalse(pod["automountServiceAccountToken"])
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & pod.keys())
            kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
            self.assertLessEqual(kinds, {"configMap", "secret", "emptyDir", "persistentVolumeClaim"})
            for container in pod["containers"]:
                may = container["securityContext"]
                self.assertFalse(may["allowPrivilegeEscalation"])
                self.assertTrue(may["readOnlyRootFilesystem"])
                self.assertEqual(may["capabilities"], {"drop": ["ALL"]})

    @for_each_case
    def test_the_service_named_dunder_sets_no_settings(self, objects):
        for _, pod in pods(objects):
            self.assertIs(pod["enableServiceLinks"], False)

    @for_each_case
    def test_a_pod_has_time_to_finish(self, objects):
        (server,) = [pod for owner, pod in pods(objects) if owner["kind"] != "Job"]
        hook = server["containers"][0].get("lifecycle", {}).get("preStop", {})
        wait = hook.get("sleep", {}).get("seconds", 0)
        config = config_of(objects)
        patience = int(config["limits"]["shutdown_timeout"].removesuffix("s"))
        self.assertGreaterEqual(server["terminationGracePeriodSeconds"], wait + patience + 10)

    @for_each_case
    def test_an_unready_store_is_told_before_the_kubelet_gives_up(self, objects):
        (container,) = workload(objects)["spec"]["template"]["spec"]["containers"]
        self.assertGreater(container["readinessProbe"]["timeoutSeconds"], 5)
        # One that only waits for its store is not killed for it.
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz")

    @for_each_case
    def test_no_secret_is_in_an_object(self, objects):
        for one in of_kind(objects, "ConfigMap"):
            text = one["data"]["config.yaml"]
            self.assertNotRegex(text, r"password|url|postgresql:")
        self.assertEqual(of_kind(objects, "Secret"), [])


class Values(unittest.TestCase):
    def render(self, **more):
        return render(merged(LEAST, more))[0]

    def test_who_may_post_has_to_be_written(self):
        with self.assertRaisesRegex(helm.HelmError, r"config\.auth\.mode has to be written: token .+ or name"):
            render({"image": LEAST["image"]})

    def test_what_cannot_be_right_is_refused_with_what_to_do(self):
        cluster = {"store": "cluster", "config": {"cockroach": {"host": "db"}}}
        for more, said in [
            ({"config": {"auth": {"mode": "open"}}}, r"/config/auth/mode"),
            ({"image": {"repository": ""}}, r"image\.repository has to be written"),
            ({"config": {"autth": {}}}, r"autth"),
            ({"metrics": {"enabled": True, "port": 9000}}, r"metrics\.port is 9000"),
            ({"config": {"limits": {"shutdown_idle": "1m"}}}, r"shutdown_idle is 1m"),
            ({"config": {"limits": {"requets": 5}}}, r"requets"),
            ({"config": {"limits": {"shutdown_timeout": "5s"}}}, r"shutdown_timeout"),
            ({"config": {"cockroach": {"password": "x"}}}, r"password"),
            ({"replica": 3}, r"replica"),
            ({"store": "cluster"}, r"nothing names the database"),
            ({"config": {"cockroach": {"host": "db"}}}, r"write store: cluster"),
            ({"cockroach": {"urlSecret": {"name": "u"}}}, r"write store: cluster"),
            ({"autoscaling": {"enabled": True}}, r"needs store: cluster"),
            (merged(cluster, {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}}), r"requests\.cpu"),
            ({"ingress": {"enabled": True}}, r"ingress\.hosts is empty"),
            ({"httpRoute": {"enabled": True}}, r"httpRoute\.parentRefs is empty"),
            ({"persistence": {"accessModes": ["ReadWriteMany"]}}, r"accessModes"),
        ]:
            with self.subTest(more), self.assertRaisesRegex(helm.HelmError, said):
                self.render(**more)

    def test_settings_reach_dunder_as_they_are(self):
        config = config_of(case("cluster-with-everything")[0])
        self.assertEqual(config["limits"]["posts_per_minute"], 10_000_000)
        self.assertEqual(config["limits"]["body_size"], 1_048_576)
        self.assertEqual(config["cockroach"]["cert"], "/etc/dunder/cockroach/client.dunder.crt")

    def test_an_authority_alone_is_enough(self):
        config = {"cockroach": {"host": "db"}}
        certs = {"certsSecret": {"name": "given-authority", "cert": "", "key": ""}}
        objects = self.render(store="cluster", config=config, cockroach=certs)
        self.assertEqual(config_of(objects)["cockroach"], {"host": "db", "ca": "/etc/dunder/cockroach/ca.crt"})

    def test_changed_settings_replace_the_pods_and_nothing_else_does(self):
        def template(**more):
            return workload(self.render(**more))["spec"]["template"]

        self.assertEqual(template(), template(service={"port": 80}))
        self.assertNotEqual(template(), template(config={"log_level": "debug"}))

    def test_the_job_has_the_settings_of_the_pods_it_goes_before(self):
        objects = case("cluster-with-everything")[0]
        one, other = of_kind(objects, "ConfigMap")
        self.assertNotEqual(is_hook(one), is_hook(other))
        self.assertEqual(one["data"], other["data"])
        self.assertEqual(of_kind(case("embedded")[0], "Job"), [])
        self.assertEqual(of_kind(case("cluster-without-a-job")[0], "Job"), [])

    def test_streams_are_not_held_back_by_the_ingress(self):
        (ingress,) = of_kind(case("cluster-with-everything")[0], "Ingress")
        annotations = ingress["metadata"]["annotations"]
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/proxy-buffering"], "off")
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/backend-protocol"], "HTTPS")
        self.assertEqual(annotations["cert-manager.io/cluster-issuer"], "letsencrypt")
        self.assertEqual(ingress["spec"]["tls"], [{"hosts": ["board.example"], "secretName": "board-tls"}])

    def test_a_closed_network_lets_pods_reach_the_database_alone(self):
        (policy,) = of_kind(case("embedded-reached-from-outside")[0], "NetworkPolicy")
        self.assertEqual(policy["spec"]["egress"], [])
        (policy,) = of_kind(case("cluster-with-everything")[0], "NetworkPolicy")
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
        self.assertEqual(ports, [53, 53, 26257, 4317])

    def test_metrics_are_asked_for_where_the_pods_have_them(self):
        objects = case("cluster-with-everything")[0]
        self.assertEqual(config_of(objects)["admin"], {"host": "0.0.0.0", "port": 9911})
        (container,) = workload(objects)["spec"]["template"]["spec"]["containers"]
        self.assertIn({"name": "admin", "containerPort": 9911}, container["ports"])
        public, metrics = of_kind(objects, "Service")
        if public["metadata"]["name"].endswith("-metrics"):
            public, metrics = metrics, public
        self.assertEqual([port["name"] for port in public["spec"]["ports"]], ["http"])
        self.assertEqual([port["targetPort"] for port in metrics["spec"]["ports"]], ["admin"])
        (monitor,) = of_kind(objects, "ServiceMonitor")
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        self.assertLessEqual(wanted, metrics["metadata"]["labels"].items())
        self.assertFalse(wanted <= public["metadata"]["labels"].items())
        self.assertEqual(monitor["spec"]["endpoints"][0]["port"], metrics["spec"]["ports"][0]["name"])
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
        (policy,) = of_kind(objects, "NetworkPolicy")
        closed = [rule for rule in policy["spec"]["ingress"] if rule["ports"][0]["port"] == "admin"]
        self.assertEqual(len(closed[0]["from"]), 1)
        for name in ("embedded", "cluster"):
            objects = case(name)[0]
            self.assertEqual(len(of_kind(objects, "Service")), 1)
            self.assertNotIn("admin", config_of(objects))

    def test_the_alerts_are_those_of_the_repository(self):
        (rule,) = of_kind(case("cluster-with-everything")[0], "PrometheusRule")
        self.assertEqual(rule["spec"], read(ROOT / "deploy/prometheus/alerts.yaml"))
        alerts = [one["alert"] for group in rule["spec"]["groups"] for one in group["rules"]]
        self.assertGreater(len(alerts), 10)

    def test_the_notes_say_what_to_type(self):
        _, notes = case("embedded")
        self.assertIn(f"kubectl -n {NAMESPACE} exec statefulset/board-dunder -- dunder token create ann", notes)
        _, notes = case("cluster-with-everything")
        self.assertIn("deployment/board -- dunder token create", notes)
        self.assertIn("dunder login --server https://board.example", notes)
        self.assertNotIn("trusted_proxies", notes)
        _, notes = case("cluster-without-a-job")
        self.assertNotIn("token create", notes)
        self.assertIn("trusted_proxies is not set", notes)
        self.assertIn("as anyone", notes)
        for name in CASES:
            self.assertNotRegex(case(name)[1], r"\n\n\n|<no value>|%!", name)


class Documents(unittest.TestCase):
    """What README.md and docs/ tell people to write."""

    def blocks(self, kind):
        texts = [path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]]
        return [block for text in texts for block in re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)]

    def test_files_of_values_are_taken(self):
        files = [values for values in map(yaml.safe_load, self.blocks("yaml")) if "image" in values]
        self.assertGreaterEqual(len(files), 2)
        for values in files:
            with self.subTest(values):
                self.assertEqual(lint(values), [])
                render(values)

    def test_lines_of_helm_are_taken(self):
        lines = [line for block in self.blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
        lines = [line for line in lines if line.startswith("helm ") and "deploy/helm/dunder" in line]
        self.assertGreaterEqual(len(lines), 3)
        for line in lines:
            given = {}
            for expression in re.findall(r"--set (\S+)", line):
                given = merged(given, helm.parse_set_string(expression))
            with self.subTest(line):
                self.assertTrue(given or " -f " in line)
                if given:
                    render(given)


class Chart(unittest.TestCase):
    def test_every_setting_of_dunder_is_one_of_the_chart(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        known = set()
        for key, value in schema["properties"]["config"]["properties"].items():
            known |= {f"{key}.{one}" for one in value["properties"]} if "properties" in value else {key}
        there = set(settings())
        self.assertGreater(len(there), 40)
        self.assertEqual(
            known | OF_THE_CHART, there,
            "values.schema.json and config.yaml differ: a setting is written below config in the schema, "
            "or follows from other values (OF_THE_CHART)",
        )

    def test_the_defaults_of_the_settings_pass(self):
        tree = {}
        for key, value in settings().items():
            if key not in OF_THE_CHART and not key.startswith("cockroach."):
                *sections, last = key.split(".")
                into = tree
                for section in sections:
                    into = into.setdefault(section, {})
                into[last] = value
        render(merged(LEAST, {"config": tree}))

    def test_every_value_has_its_default_and_its_shape(self):
        schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
        values = read(CHART / "values.yaml")
        self.assertEqual(set(values), set(schema) - {"global"})
        for key, shape in schema.items():
            if key not in ("config", "global") and "properties" in shape:
                self.assertEqual(set(values[key]), set(shape["properties"]), key)

    def test_the_version_is_dunders(self):
        cargo = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.+)"', cargo, re.MULTILINE).group(1)
        self.assertEqual(read(CHART / "Chart.yaml")["appVersion"], version)

    def test_it_can_be_packed_and_unpacked(self):
        with tempfile.TemporaryDirectory() as place:
            archive = helm.package(str(CHART), destination=place)
            with helm.Chart.load(archive) as chart:
                self.assertIn("dunder/templates/migrate.yaml", chart.render(LEAST, name="a", namespace="b"))


if __name__ == "__main__":
    unittest.main()
