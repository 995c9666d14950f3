"""As much of Kubernetes' API as Helm asks for: objects are kept, and a Job is
done as soon as it is made, by a function of the test."""

import http.server
import json
import re
import threading
import urllib.parse

import yaml

# What there is, by group and version: the plural and the kind.
RESOURCES = {
    "v1": {
        "configmaps": "ConfigMap", "services": "Service", "serviceaccounts": "ServiceAccount",
        "pods": "Pod", "namespaces": "Namespace",
    },
    "apps/v1": {"deployments": "Deployment", "statefulsets": "StatefulSet"},
    "batch/v1": {"jobs": "Job"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
}
PATH = re.compile(
    r"^/(?:api|apis)/(?P<version>v1|[a-z.]+/v1)/namespaces/(?P<ns>[^/]+)/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?$"
)


class Api:
    def __init__(self, run_job):
        self.run_job = run_job
        self.objects = {}
        # What was written, in order: ("PATCH", "jobs", "board-migrate").
        self.writes = []
        self.lock = threading.Condition()
        self.versions = 0
        self.closed = False
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                url = urllib.parse.urlsplit(self.path)
                api.handle(self, self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), body)

            do_GET = do_PATCH = do_DELETE = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.closed = True
        self.server.shutdown()
        self.server.server_close()

    def handle(self, request, method, path, query, body):
        if path == "/openapi/v2":
            # No schemas, in protobuf: the chart's other tests check them.
            request.send_response(200)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return None
        said = self.discovery(path) if method == "GET" else None
        if said:
            return request.answer(200, said)
        found = PATH.match(path)
        if not found or found["plural"] not in RESOURCES.get(found["version"], {}):
            return request.answer(404, status(404, path))
        kind = RESOURCES[found["version"]][found["plural"]]
        key = (found["plural"], found["name"])
        if method == "GET" and query.get("watch") in ("1", "true"):
            return self.watch(request, found, query)
        with self.lock:
            if method == "GET" and not found["name"]:
                items = [one for (plural, _), one in self.objects.items() if plural == found["plural"]]
                meta = {"resourceVersion": str(self.versions)}
                return request.answer(
                    200, {"kind": f"{kind}List", "apiVersion": found["version"], "metadata": meta, "items": items}
                )
            if method == "GET":
                there = self.objects.get(key)
                return request.answer(200, there) if there else request.answer(404, status(404, found["name"]))
            if method == "DELETE":
                self.writes.append((method, found["plural"], found["name"]))
                gone = self.objects.pop(key, None)
                self.lock.notify_all()
                return request.answer(200, status(200, "")) if gone else request.answer(404, status(404, found["name"]))
            # Helm applies: what it sends is all that there is to be.
            one = yaml.safe_load(body)
            one["metadata"] |= {"namespace": found["ns"], "uid": f"{kind}-{found['name']}"}
            self.keep(key, one)
            self.writes.append((method, *key))
        if kind == "Job":
            done = self.run_job(one, self.objects)
            condition = {"type": "Complete" if done else "Failed", "status": "True", "reason": "Tried"}
            with self.lock:
                self.keep(key, one | {"status": {"succeeded" if done else "failed": 1, "conditions": [condition]}})
        request.answer(200, one)

    def keep(self, key, one):
        self.versions += 1
        one["metadata"]["resourceVersion"] = str(self.versions)
        self.objects[key] = one
        self.lock.notify_all()

    def watch(self, request, found, query):
        """What is there, that this is all of it, and then what changes."""
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        kind = RESOURCES[found["version"]][found["plural"]]
        seen = {}

        def tell(event, one):
            request.wfile.write(json.dumps({"type": event, "object": one}).encode() + b"\n")
            request.wfile.flush()

        try:
            with self.lock:
                while not self.closed:
                    for (plural, name), one in list(self.objects.items()):
                        version = one["metadata"]["resourceVersion"]
                        if plural == found["plural"] and seen.get(name) != version:
                            tell("MODIFIED" if name in seen else "ADDED", one)
                            seen[name] = version
                    if query.pop("sendInitialEvents", None):
                        ended = {"k8s.io/initial-events-end": "true"}
                        meta = {"resourceVersion": str(self.versions), "annotations": ended}
                        tell("BOOKMARK", {"kind": kind, "apiVersion": found["version"], "metadata": meta})
                    self.lock.wait(0.1)
        except OSError:
            # The client has seen enough.
            pass

    @staticmethod
    def discovery(path):
        if path == "/openapi/v3":
            return {"paths": {}}
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups = [version.split("/")[0] for version in RESOURCES if "/" in version]
            versions = {group: {"groupVersion": f"{group}/v1", "version": "v1"} for group in groups}
            listed = [
                {"name": group, "versions": [version], "preferredVersion": version}
                for group, version in versions.items()
            ]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        version = re.sub(r"^/(api|apis)/", "", path)
        if version in RESOURCES:
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            listed = [
                {"name": plural, "kind": kind, "namespaced": kind != "Namespace", "verbs": verbs, "singularName": ""}
                for plural, kind in RESOURCES[version].items()
            ]
            return {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
        return None


def status(code, message):
    said = {"status": "Success"} if code == 200 else {"status": "Failure", "reason": "NotFound"}
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message, **said}
