"""The chart rendered by Helm's own engine, over the values in cases/."""

import functools
import pathlib
import re

import helm_python as helm
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/dunder"
CASES = {path.stem: path for path in sorted((pathlib.Path(__file__).parent / "cases").glob("*.yaml"))}
RELEASE, NAMESPACE = "board", "prod"
# The least that can be installed.
LEAST = {"image": {"repository": "dunder"}, "config": {"auth": {"mode": "token"}}}


class Strict(yaml.SafeLoader):
    """Refuses a key that is written twice, of which YAML takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read(path):
    return yaml.load(pathlib.Path(path).read_text(), Strict)


def merged(values, more):
    """One map over another, as Helm lays values over each other."""
    both = dict(values)
    for key, value in more.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def render(values):
    """Every object, and NOTES.txt. What is refused raises helm.HelmError."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    notes = next(text for name, text in files.items() if name.endswith("NOTES.txt"))
    texts = (text for name, text in files.items() if not name.endswith("NOTES.txt"))
    objects = [one for text in texts for one in yaml.load_all(text, Strict) if one]
    return objects, notes


@functools.cache
def case(name):
    return render(read(CASES[name]))


def lint(values):
    """What `helm lint --strict` finds, but for the icon that it recommends."""
    found = helm.lint(str(CHART), values, strict=True)["messages"]
    return [one["error"] for one in found if "icon" not in one["error"]]


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def workload(objects):
    """The Deployment or StatefulSet."""
    (one,) = of_kind(objects, "Deployment", "StatefulSet")
    return one


def pods(objects):
    """The specification of each pod, with the object that makes it."""
    return [(one, one["spec"]["template"]["spec"]) for one in of_kind(objects, "Deployment", "StatefulSet", "Job")]


def is_hook(one):
    return "helm.sh/hook" in one["metadata"].get("annotations", {})


def config_of(objects):
    """dunder's configuration file, as the pods have it."""
    (one,) = [one for one in of_kind(objects, "ConfigMap") if not is_hook(one)]
    return yaml.load(one["data"]["config.yaml"], Strict)


def settings():
    """Every key of config.yaml in the root, with its default, by its path.

    The file has each key behind one `#`, sections without one.
    """
    text = (ROOT / "config.yaml").read_text()
    text = re.sub(r"^( *)#([a-z_]+:)", r"\1\2", text, flags=re.MULTILINE)
    return flat(yaml.load(text, Strict))


# Settings whose value is a mapping itself.
MAPPINGS = {"retention.hashtags"}


def flat(tree, above=""):
    found = {}
    for key, value in tree.items():
        is_section = isinstance(value, dict) and above + key not in MAPPINGS
        found |= flat(value, f"{above}{key}.") if is_section else {above + key: value}
    return found
